import type { Fields } from "./http1-message.ts";
import type { ConversationSeen } from "./scene.ts";
import type { UpstreamRequest } from "./upstream.ts";

/** Everything that one case showed of one proxy. */
export interface Observation {
	readonly connections: readonly ConversationSeen[];
	readonly upstreams: Readonly<Record<string, readonly UpstreamRequest[]>>;
	/** Parsed where the line is JSON. */
	readonly log: readonly unknown[];
	/** What was added to the counters of the case. */
	readonly counters: Readonly<Record<string, number>>;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/**
 * Header values that cannot be the same twice: the shape that is right, and what stands for it. A value of another shape stays and
 * is compared as it is.
 */
const VOLATILE_FIELDS: Readonly<Record<string, readonly [shape: RegExp, stand: string]>> = {
	date: [HTTP_DATE, "<date>"],
	"x-request-id": [UUID, "<uuid>"],
	"x-envoy-upstream-service-time": [/^\d+$/, "<ms>"],
	"x-envoy-upstream-healthchecked-cluster": [/^$/, ""],
	"x-b3-traceid": [/^[0-9a-f]{16,32}$/, "<trace>"],
	"x-b3-spanid": [/^[0-9a-f]{16}$/, "<span>"],
	"x-b3-parentspanid": [/^[0-9a-f]{16}$/, "<span>"],
	traceparent: [/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/, "<traceparent>"],
};

/** The observation without what must differ: dates, ids of the right shape, times, and ports (by their names). */
export function normalise(seen: Observation, names: ReadonlyMap<string, string>): Observation {
	return visit(seen, names) as Observation;
}

function visit(value: unknown, names: ReadonlyMap<string, string>): unknown {
	if (typeof value === "string") return named(value, names);
	if (Array.isArray(value)) return value.map((one) => visit(one, names));
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).map(([key, one]) =>
		key === "headers" || key === "trailers"
			? [key, pseudoSorted(one as Fields).map((pair) => field(pair, names))]
			: [key, visit(one, names)],
	);
	return Object.fromEntries(entries);
}

/** The order of HTTP/2's pseudo fields says nothing. */
function pseudoSorted(fields: Fields): Fields {
	const isPseudo = ([name]: readonly [string, string]) => name.startsWith(":");
	if (!fields[0] || !isPseudo(fields[0])) return fields;
	const sorted = fields.filter(isPseudo).sort(([a], [b]) => (a < b ? -1 : 1));
	return [...sorted, ...fields.filter((one) => !isPseudo(one))];
}

function field(
	[name, value]: readonly [string, string],
	names: ReadonlyMap<string, string>,
): readonly [string, string] {
	if (name.toLowerCase() === "x-envoy-expected-rq-timeout-ms") return [name, roundedMs(value)];
	if (name.toLowerCase() === "x-forwarded-port") return [name, portName(value, names)];
	const volatile = VOLATILE_FIELDS[name.toLowerCase()];
	if (volatile?.[0].test(value)) return [name, volatile[1]];
	return [name, named(value, names)];
}

function portName(port: string, names: ReadonlyMap<string, string>): string {
	const name = names.get(`127.0.0.1:${port}`);
	return name === undefined ? port : `{${name}}`;
}

/** What is left of a timeout shrinks while a request is tried again: rounded up to half seconds, small ones to tenths. */
function roundedMs(text: string): string {
	const ms = Number(text);
	const step = ms > 500 ? 500 : 100;
	return Number.isInteger(ms) ? `<= ${Math.ceil(ms / step) * step}` : text;
}

/** `127.0.0.1:41234` → `127.0.0.1:{echo}`. Ports that are nobody's are the client's. */
function named(text: string, names: ReadonlyMap<string, string>): string {
	return text.replace(/\b(127\.\d+\.\d+\.\d+):(\d{4,5})\b/g, (whole, ip: string) => {
		const name = names.get(whole);
		return `${ip}:{${name ?? "client"}}`;
	});
}

/** Without telling which requests shared a connection to an upstream. */
export function withoutPooling(seen: Observation): Observation {
	return mapRequests(seen, (list) => list.map((request) => ({ ...request, connection: 0 })));
}

/** Without the order of what ran at the same time. */
export function unordered(seen: Observation): Observation {
	return { ...mapRequests(seen, sorted), log: sorted(seen.log) };
}

function mapRequests(
	seen: Observation,
	map: (requests: readonly UpstreamRequest[]) => readonly UpstreamRequest[],
): Observation {
	const upstreams = Object.entries(seen.upstreams).map(([name, list]) => [name, map(list)] as const);
	return { ...seen, upstreams: Object.fromEntries(upstreams) };
}

function sorted<T>(list: readonly T[]): readonly T[] {
	const keyed = list.map((one) => [JSON.stringify(one), one] as const);
	return keyed.sort(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, one]) => one);
}
