import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { Inspected, ListenerFilter } from "./listener-filter.ts";

const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** A request line that does not end within these bytes ends the connection. */
const MAX_INSPECT_BYTES = 64 * 1024;
const LF = 0x0a;
const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ +\S.* +HTTP\/(\d)\.(\d)\s*$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;

/** Finds HTTP in plaintext by its first line (Envoy: envoy.filters.listener.http_inspector). Without state. */
export function createHttpInspector(metrics: Pick<Metrics, "scope">): ListenerFilter {
	const stats = inspectorStats(metrics);
	return {
		onAccept: ({ transportKnown, connection }) =>
			transportKnown && connection.transportProtocol !== "raw_buffer" ? "done" : "more",
		onData(on, bytes): Inspected {
			const found = findHttp(bytes);
			if (found === "more") {
				if (bytes.length < MAX_INSPECT_BYTES) return "more";
				stats.readError.inc();
				return "close";
			}
			stats[found].inc();
			if (found !== "none") on.offeredProtocols = [ALPN_NAMES[found]];
			return "done";
		},
	};
}

type Found = "http10" | "http11" | "http2" | "none";

const ALPN_NAMES: Readonly<Record<Exclude<Found, "none">, string>> = {
	http10: "http/1.0",
	http11: "http/1.1",
	http2: "h2c",
};

function findHttp(bytes: Buffer): Found | "more" {
	const prefix = bytes.toString("latin1", 0, HTTP2_PREFACE.length);
	if (HTTP2_PREFACE.startsWith(prefix)) return prefix.length < HTTP2_PREFACE.length ? "more" : "http2";
	if (!TOKEN.test(prefix.charAt(0))) return "none";
	const end = bytes.indexOf(LF);
	if (end < 0) return "more";
	const [, major, minor] = REQUEST_LINE.exec(bytes.toString("latin1", 0, end)) ?? [];
	if (major === undefined) return "none";
	return major === "1" && minor === "1" ? "http11" : "http10";
}

function inspectorStats(metrics: Pick<Metrics, "scope">) {
	const scope = metrics.scope("http_inspector.");
	return {
		http10: scope.counter("http10_found"),
		http11: scope.counter("http11_found"),
		http2: scope.counter("http2_found"),
		none: scope.counter("http_not_found"),
		readError: scope.counter("read_error"),
	};
}
