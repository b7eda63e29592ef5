import { ProtobufError } from "./protobuf-error.ts";
import type { WireReader } from "./wire-reader.ts";

/** Numbers and texts of a message by field number; every special message is that plain. */
function fieldsOf(reader: WireReader): Map<number, bigint | Uint8Array> {
	const fields = new Map<number, bigint | Uint8Array>();
	while (!reader.done) {
		const { field, wireType } = reader.tag();
		if (wireType === 0) fields.set(field, reader.varint());
		else if (wireType === 2) fields.set(field, reader.bytes());
		else reader.skip(wireType);
	}
	return fields;
}

const utf8 = new TextDecoder();

function integer(fields: Map<number, bigint | Uint8Array>, number: number): bigint {
	const value = fields.get(number) ?? 0n;
	return typeof value === "bigint" ? BigInt.asIntN(64, value) : 0n;
}

function text(fields: Map<number, bigint | Uint8Array>, number: number): string {
	const value = fields.get(number);
	return value instanceof Uint8Array ? utf8.decode(value) : "";
}

function timestamp(reader: WireReader, fraction: (nanos: bigint) => string): string | undefined {
	const fields = fieldsOf(reader);
	const seconds = integer(fields, 1);
	const nanos = integer(fields, 2);
	if (seconds === 0n && nanos === 0n) return undefined; // Go's zero time; written as null in JSON
	const ms = Number(seconds) * 1000;
	if (Math.abs(ms) > 8.64e15) throw new ProtobufError("time is out of range");
	return `${new Date(ms).toISOString().slice(0, -5)}${fraction(nanos)}Z`;
}

function json(reader: WireReader): unknown {
	const raw = text(fieldsOf(reader), 1);
	if (raw === "") return undefined;
	try {
		return JSON.parse(raw);
	} catch (cause) {
		throw new ProtobufError("embedded value is not JSON", { cause });
	}
}

function itemsOf(reader: WireReader): string[] {
	const items: string[] = [];
	while (!reader.done) {
		const { field, wireType } = reader.tag();
		if (field === 1 && wireType === 2) items.push(reader.text());
		else reader.skip(wireType);
	}
	return items;
}

/** Go's `time.Duration.String()`: `1h2m3.5s`. */
function goDuration(nanos: bigint): string {
	if (nanos === 0n) return "0s";
	const sign = nanos < 0n ? "-" : "";
	const total = nanos < 0n ? -nanos : nanos;
	if (total < 1_000_000_000n) return sign + subSecond(total);
	const hours = total / 3_600_000_000_000n;
	const minutes = (total / 60_000_000_000n) % 60n;
	const seconds = Number(total % 60_000_000_000n) / 1e9;
	const prefix = hours > 0n ? `${hours}h${minutes}m` : minutes > 0n ? `${minutes}m` : "";
	return `${sign}${prefix}${seconds}s`;
}

function subSecond(nanos: bigint): string {
	if (nanos < 1_000n) return `${nanos}ns`;
	return nanos < 1_000_000n ? `${Number(nanos) / 1e3}µs` : `${Number(nanos) / 1e6}ms`;
}

/** Messages whose JSON form is their own (kubernetes apimachinery's MarshalJSON methods). Undefined: leave it out. */
export const SPECIAL_MESSAGES: Readonly<Record<string, (reader: WireReader) => unknown>> = {
	time: (reader) => timestamp(reader, () => ""),
	microtime: (reader) => timestamp(reader, (nanos) => `.${String(nanos / 1000n).padStart(6, "0")}`),
	duration: (reader) => goDuration(integer(fieldsOf(reader), 1)),
	quantity: (reader) => text(fieldsOf(reader), 1) || "0",
	intstr: (reader) => {
		const fields = fieldsOf(reader);
		return integer(fields, 1) === 0n ? Number(BigInt.asIntN(32, integer(fields, 2))) : text(fields, 3);
	},
	raw: json,
	items: itemsOf,
};
