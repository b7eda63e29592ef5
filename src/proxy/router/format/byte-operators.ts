import type { BytesMeter } from "../../http/bytes-meter.ts";
import type { FormatEnvironment, FormatOperator } from "./format-context.ts";

type Kind = "WIRE_BYTES" | "HEADER_BYTES" | "DECOMPRESSED_HEADER_BYTES";

const NUMBERS: Readonly<Record<`${Kind}_${"RECEIVED" | "SENT"}`, Exclude<keyof BytesMeter, "add">>> = {
	WIRE_BYTES_RECEIVED: "wireReceived",
	WIRE_BYTES_SENT: "wireSent",
	HEADER_BYTES_RECEIVED: "headerReceived",
	HEADER_BYTES_SENT: "headerSent",
	DECOMPRESSED_HEADER_BYTES_RECEIVED: "plainHeaderReceived",
	DECOMPRESSED_HEADER_BYTES_SENT: "plainHeaderSent",
};

const NAME = /^(DOWNSTREAM|UPSTREAM)_((?:WIRE|(?:DECOMPRESSED_)?HEADER)_BYTES_(?:RECEIVED|SENT))$/;

/** %DOWNSTREAM_WIRE_BYTES_RECEIVED% and its relatives; undefined for other names. A side without a connection has carried nothing. */
export function byteOperator(name: string, { metering }: FormatEnvironment): FormatOperator | undefined {
	const [, side, number] = NAME.exec(name) ?? [];
	if (side === undefined) return undefined;
	if (metering) metering.wanted = true;
	const field = NUMBERS[number as keyof typeof NUMBERS];
	return side === "DOWNSTREAM"
		? ({ info }) => info.downstreamMeter?.[field] ?? 0
		: ({ info }) => info.upstreamMeter?.[field] ?? 0;
}
