import { cluster, HTTP2_UPSTREAM, hcm, httpFilter, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1, http2 } from "../harness/upstream.ts";

const SIDES = ["DOWNSTREAM", "UPSTREAM"];
const NUMBERS = SIDES.flatMap((side) =>
	["WIRE", "HEADER", "DECOMPRESSED_HEADER"].flatMap((what) =>
		["RECEIVED", "SENT"].map((way) => `${side}_${what}_BYTES_${way}`),
	),
);
const OPERATORS = [...NUMBERS, "REQUEST_HEADERS_BYTES", "RESPONSE_HEADERS_BYTES", "RESPONSE_TRAILERS_BYTES"];
const LINE = OPERATORS.map((name) => `${name}=%${name}%`).join(" ");

/** Times have more or fewer digits. */
const QUIET_ROUTER = httpFilter("router", "http.router.v3.Router", { suppress_envoy_headers: true });
const onlyLog = ({ log }: Observation): unknown => log;
/** Both compress as they like, and choose where a body's last frame ends. */
const uncompressed = ({ log }: Observation): unknown =>
	log.map((line) => String(line).replace(/(?<=\b\w+STREAM_(?:WIRE|HEADER)_BYTES_\w+=)[1-9]\d*/g, "n"));

/** Envoy counts the first answer's head twice there. */
const withoutPlainReceived = ({ log }: Observation): unknown =>
	log.map((line) => String(line).replace(/(?<=UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED=)\d+/, "n"));

const CASES: readonly Case[] = [
	{ name: "get", send: "GET /a HTTP/1.1\r\nhost: a\r\nx-a: bcd\r\n\r\n" },
	{ name: "blanks count on the wire", send: "GET /a HTTP/1.1\r\nHost: a\r\nx-a:   bcd  \r\n\r\n" },
	{
		name: "chunks both ways",
		send: "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\n\r\n",
		answers: { one: [{ body: "hello", framing: "chunked" }] },
	},
	{ name: "a length", send: "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" },
	{ name: "answered here", send: "GET /direct HTTP/1.1\r\nhost: a\r\n\r\n" },
	{ name: "no route", send: "GET /none HTTP/1.1\r\nhost: none\r\n\r\n" },
	{ name: "no answer to HEAD", send: { method: "HEAD", path: "/a" } },
	{ name: "nobody there", send: "GET /dead HTTP/1.1\r\nhost: a\r\n\r\n" },
	{
		name: "tried again",
		send: { path: "/retry" },
		answers: { one: [{ status: 503, body: "" }, { body: "second" }] },
		compare: withoutPlainReceived,
	},
	{
		name: "cut short",
		send: { path: "/a" },
		answers: { one: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", finish: "close" }] },
	},
	{ name: "to HTTP/2", send: { method: "POST", path: "/two", body: "hello" }, compare: uncompressed },
	{
		name: "from HTTP/2",
		protocol: "http2",
		requests: [{ path: "/a" }, { path: "/two" }, { method: "POST", path: "/two", body: "hello" }, { path: "/direct" }],
		compare: uncompressed,
	},
];

scene("bytes on the wire", {
	upstreams: { one: http1(), two: http2() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						virtualHosts: [
							{ name: "none", domains: ["none"], routes: [] },
							{
								name: "all",
								domains: ["*"],
								routes: [
									to("two", "/two"),
									to("dead", "/dead"),
									to("one", "/retry", { retry_policy: { retry_on: "5xx" } }),
									says({ prefix: "/direct" }, "direct"),
									to("one"),
								],
							},
						],
						more: {
							http_filters: [QUIET_ROUTER],
							generate_request_id: false,
							access_log: [stdoutLog({ text_format_source: { inline_string: `${LINE}\n` } })],
						},
					}),
				]),
			],
			clusters: [
				cluster("one", [at.port("one")]),
				cluster("two", [at.port("two")], HTTP2_UPSTREAM),
				cluster("dead", [1]),
			],
		},
	}),
	cases: CASES.map((one) => ({ compare: onlyLog, ...one })),
});
