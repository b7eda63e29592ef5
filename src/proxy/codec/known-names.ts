/**
 * Field names that the proxy itself looks at. The parser finds each name in one table, which gives its lower-case form as one shared
 * string and a bit; the bits seen in a message tell the rest of the path which rules can be skipped.
 */
export const SEEN = {
	host: 1 << 0,
	contentLength: 1 << 1,
	transferEncoding: 1 << 2,
	connection: 1 << 3,
	upgrade: 1 << 4,
	expect: 1 << 5,
	/** keep-alive, proxy-connection, te */
	hopByHop: 1 << 6,
	forwardedFor: 1 << 7,
	forwardedProto: 1 << 8,
	requestId: 1 << 9,
	/** x-b3-*, b3, traceparent, tracestate, x-client-trace-id */
	trace: 1 << 10,
	/** any x-envoy-* field */
	envoy: 1 << 11,
	date: 1 << 12,
	server: 1 << 13,
	via: 1 << 14,
	forwardedClientCert: 1 << 15,
} as const;

export interface KnownName {
	/** Lower case. */
	readonly name: string;
	readonly bit: number;
}

const BITS: Readonly<Record<string, number>> = {
	host: SEEN.host,
	"content-length": SEEN.contentLength,
	"transfer-encoding": SEEN.transferEncoding,
	connection: SEEN.connection,
	upgrade: SEEN.upgrade,
	expect: SEEN.expect,
	"keep-alive": SEEN.hopByHop,
	"proxy-connection": SEEN.hopByHop,
	te: SEEN.hopByHop,
	"x-forwarded-for": SEEN.forwardedFor,
	"x-forwarded-proto": SEEN.forwardedProto,
	"x-request-id": SEEN.requestId,
	"x-b3-traceid": SEEN.trace,
	"x-b3-spanid": SEEN.trace,
	"x-b3-parentspanid": SEEN.trace,
	"x-b3-sampled": SEEN.trace,
	"x-b3-flags": SEEN.trace,
	b3: SEEN.trace,
	traceparent: SEEN.trace,
	tracestate: SEEN.trace,
	"x-client-trace-id": SEEN.trace,
	date: SEEN.date,
	server: SEEN.server,
	via: SEEN.via,
	"x-forwarded-client-cert": SEEN.forwardedClientCert,
};

const PLAIN =
	`accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-origin age allow authorization
cache-control content-disposition content-encoding content-language content-range content-type cookie etag expires forwarded from
if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards origin pragma
proxy-authorization range referer retry-after sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-accept
sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version set-cookie strict-transport-security trailer
transfer-encoding upgrade-insecure-requests user-agent vary www-authenticate x-content-type-options x-forwarded-host x-forwarded-port
x-powered-by x-real-ip x-custom-header end-user`.split(/\s+/);

const ENVOY =
	`x-envoy-attempt-count x-envoy-decorator-operation x-envoy-downstream-service-cluster x-envoy-downstream-service-node
x-envoy-expected-rq-timeout-ms x-envoy-external-address x-envoy-force-trace x-envoy-internal x-envoy-max-retries x-envoy-original-path
x-envoy-overloaded x-envoy-peer-metadata x-envoy-peer-metadata-id x-envoy-retry-on x-envoy-upstream-rq-per-try-timeout-ms
x-envoy-upstream-rq-timeout-ms x-envoy-upstream-service-time`.split(/\s+/);

/** The bits of a message whose fields were changed after it was parsed. */
export function seenIn(names: readonly string[]): number {
	let seen = 0;
	for (const name of names) seen |= name.startsWith("x-envoy-") ? SEEN.envoy : (BITS[name] ?? 0);
	return seen;
}

const TABLE = new Map<string, KnownName>();
for (const name of PLAIN) addName(name, 0);
for (const name of ENVOY) addName(name, SEEN.envoy);
for (const [name, bit] of Object.entries(BITS)) addName(name, bit);

function addName(name: string, bit: number): void {
	const known = { name, bit };
	TABLE.set(name, known);
	TABLE.set(
		name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()),
		known,
	);
}

/** The entry of a field name in any case; `raw` must be a valid token. */
export function knownName(raw: string): KnownName {
	const known = TABLE.get(raw);
	if (known !== undefined) return known;
	const name = raw.toLowerCase();
	return TABLE.get(name) ?? { name, bit: name.startsWith("x-envoy-") ? SEEN.envoy : 0 };
}
