import type { StreamInfo, UpstreamAttempt } from "../../http/info/stream-info.ts";
import { splitAddress } from "./address-operators.ts";
import type { FormatEnvironment, FormatOperator } from "./format-context.ts";

type Shown = (attempt: UpstreamAttempt) => string | undefined;

const nameOf: Shown = ({ hostname, address }) => hostname || address;
const withoutPort = (text: string | undefined) => splitAddress(text)?.ip;

/** Lists of endpoints that were tried, with commas between them: of a request only the last one, when it got a connection (as in Envoy). */
const LISTS: Readonly<Record<string, Shown>> = {
	UPSTREAM_HOSTS_ATTEMPTED: ({ address }) => address,
	UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: ({ address }) => withoutPort(address),
	UPSTREAM_HOST_NAMES_ATTEMPTED: nameOf,
	UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: ({ hostname, address }) => hostname || withoutPort(address),
	UPSTREAM_CONNECTION_IDS_ATTEMPTED: ({ connectionId }) => connectionId?.toString(),
};

/** What is kept of attempts where somebody asks; undefined for other names. */
export function attemptOperator(name: string, { metering }: FormatEnvironment): FormatOperator | undefined {
	const read = readerOf(name);
	if (read && metering) metering.wanted = true;
	return read;
}

function readerOf(name: string): FormatOperator | undefined {
	if (Object.hasOwn(LISTS, name)) {
		const show = LISTS[name]!;
		return ({ info }) => listOf(info, show);
	}
	if (name === "UPSTREAM_CONNECTION_ID") return ({ info }) => info.upstreamAttempts?.at(-1)?.connectionId ?? 0;
	if (name === "UPSTREAM_CONNECTION_POOL_READY_DURATION")
		return ({ info }) => {
			const waited = info.upstreamAttempts?.at(-1)?.readyAfterMs;
			return waited === undefined ? undefined : Math.floor(waited);
		};
	return undefined;
}

function listOf({ upstreamAttempts, protocol }: StreamInfo, show: Shown): string | undefined {
	const shown: string[] = [];
	for (const attempt of upstreamAttempts ?? []) {
		const text = attempt.connectionId === undefined && protocol !== undefined ? undefined : show(attempt);
		if (text !== undefined) shown.push(text);
	}
	return shown.length > 0 ? shown.join(",") : undefined;
}
