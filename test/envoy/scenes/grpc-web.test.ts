import { cluster, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const frame = (text: string) => `\0\0\0\0${String.fromCharCode(text.length)}${text}`;
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
const GRPC = { "content-type": "application/grpc" };
const WEB = "application/grpc-web";
const TEXT = "application/grpc-web-text";
const ok: Answer = {
	headers: GRPC,
	body: frame("hello") + frame(""),
	trailers: { "grpc-status": "0", "grpc-message": "fine" },
};

function call(name: string, headers: Record<string, string>, body: string, answer: Answer = ok): Case {
	return {
		name,
		send: { method: "POST", path: "/pkg.Shop/Buy", headers, body },
		answers: { echo: [answer] },
		counters: [/cluster\.echo\.grpc-web\..*/],
	};
}

/** How far the request has come when its body turns out to be bad depends on the pieces in which it comes. */
const answerLine = ({ connections }: Observation) =>
	connections.map((one) =>
		"answers" in one
			? one.answers.map(({ headers, body }) => [headers.filter(([name]) => name.startsWith("grpc-")), body])
			: one,
	);

scene("grpc-web", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [httpFilter("grpc_web", "http.grpc_web.v3.GrpcWeb")],
					routes: [
						{ match: { prefix: "/direct" }, direct_response: { status: 403, body: { inline_string: "no % way" } } },
						to("echo"),
					],
				}),
			],
			clusters: [
				cluster("echo", [at.port("echo")], {
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
							explicit_http_config: { http_protocol_options: { enable_trailers: true } },
						},
					},
				}),
			],
		},
	}),
	cases: [
		call("binary", { "content-type": WEB, accept: WEB }, frame("abc")),
		call("binary with proto", { "content-type": `${WEB}+proto` }, frame("abc")),
		call("text both ways", { "content-type": TEXT, accept: TEXT }, base64(frame("abc"))),
		call("text with proto", { "content-type": `${TEXT}+proto`, accept: `${TEXT}+proto` }, base64(frame("abc"))),
		call("text in, binary out", { "content-type": TEXT }, base64(frame("abcd"))),
		call("binary in, text out", { "content-type": WEB, accept: TEXT }, frame("abc")),
		{
			...call("two runs of base64", { "content-type": TEXT, accept: TEXT }, base64(frame("abc")) + base64(frame("x"))),
			compare: answerLine,
		},
		{ ...call("broken base64", { "content-type": TEXT, accept: TEXT }, "AAAAA!=="), compare: answerLine },
		{ ...call("base64 that ends early", { "content-type": TEXT, accept: TEXT }, "AAAAA"), compare: answerLine },
		call("a type with parameters is not it", { "content-type": `${WEB}; charset=utf-8` }, frame("abc")),
		call("another type", { "content-type": "application/json" }, "{}"),
		call("plain gRPC", GRPC, frame("abc")),
		call("grpc-accept-encoding stays", { "content-type": WEB, "grpc-accept-encoding": "gzip" }, frame("abc")),
		call("an error in the head", { "content-type": WEB }, frame("abc"), {
			headers: { ...GRPC, "grpc-status": "5" },
			body: "",
		}),
		call("no trailers", { "content-type": WEB }, frame("abc"), { headers: GRPC, body: frame("a"), framing: "chunked" }),
		call("an answer that is no gRPC", { "content-type": WEB }, frame("abc"), { status: 503, body: "it is\ndown 100%" }),
		call("the same in text", { "content-type": TEXT, accept: TEXT }, base64(frame("abc")), {
			status: 401,
			body: "who?",
		}),
		call("an empty answer that is no gRPC", { "content-type": WEB }, frame("abc"), { status: 404, body: "" }),
		call("an answer in gRPC-Web already", { "content-type": WEB }, frame("abc"), {
			headers: { "content-type": `${WEB}+proto` },
			body: frame("a"),
		}),
		{
			name: "a direct response",
			send: { method: "POST", path: "/direct", headers: { "content-type": WEB }, body: "x" },
		},
	],
});
