import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { GrpcWebSchema } from "../../../xds/generated/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { TestStream } from "../filter-fixture.ts";
import { CallBook } from "../grpc-stats/call-book.ts";
import { Base64Decoder, latin1Text } from "./base64-stream.ts";
import { grpcWebFilter } from "./grpc-web.ts";
import { TextFrameEncoder } from "./text-frame-encoder.ts";

const TEXT = "application/grpc-web-text";
const frame = (text: Uint8Array) => Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), text]);

function start(headers: Record<string, string>) {
	const filter = grpcWebFilter({ calls: new CallBook(new MetricRegistry()) })
		.parse(create(GrpcWebSchema), "f", "grpc_web")
		.create();
	const stream = new TestStream(testRequest("/a.B/C", headers));
	return { filter, stream, head: filter.decodeHeaders!(stream, false) };
}

test("text bodies are written frame by frame, however they come", () => {
	const frames = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 });
	fc.assert(
		fc.property(frames, fc.integer({ min: 1, max: 9 }), (messages, cut) => {
			const body = Buffer.concat(messages.map(frame));
			const encoder = new TextFrameEncoder();
			let text = "";
			for (let at = 0; at < body.length; at += cut) text += latin1Text(encoder.encode(body.subarray(at, at + cut)));
			assert.equal(text, messages.map((one) => frame(one).toString("base64")).join(""));
		}),
	);
});

test("base64 is read in whole groups", () => {
	const decoder = new Base64Decoder();
	assert.equal(decoder.decode("QUJ")?.length, 0);
	assert.equal(decoder.incomplete, true);
	assert.equal(latin1Text(decoder.decode("DRA==")!), "ABCD");
	assert.equal(new Base64Decoder().decode("QQ==QQ=="), undefined);
});

test("a text request goes up in binary and comes back with its trailers in the body", () => {
	const { filter, stream, head } = start({ "content-type": TEXT, accept: TEXT, "content-length": "12" });
	assert.equal(head, "continue");
	const { headers } = stream.request;
	assert.deepEqual([headers.get("content-type"), headers.get("te")], ["application/grpc", "trailers"]);
	assert.equal(headers.has("content-length"), false);
	assert.deepEqual(filter.decodeData!(stream, Buffer.from("QUJD")), new Uint8Array([65, 66, 67]));
	const answer = { status: 200, headers: HeaderMap.of(["content-type", "application/grpc"]) };
	assert.equal(filter.encodeHeaders!(stream, answer, false), "continue");
	assert.equal(answer.headers.get("content-type"), `${TEXT}+proto`);
	const end = filter.encodeEnd!(stream, HeaderMap.of(["grpc-status", "0"]));
	assert.ok(typeof end === "object" && end.append);
	assert.equal(end.trailers, undefined);
	assert.equal(Buffer.from(latin1Text(end.append), "base64").toString("latin1"), "\x80\0\0\0\x0fgrpc-status:0\r\n");
});

test("an answer that is no gRPC becomes a gRPC error", () => {
	const { filter, stream } = start({ "content-type": "application/grpc-web" });
	const answer = { status: 503, headers: HeaderMap.of(["content-type", "text/plain"]) };
	stream.response = answer;
	assert.equal(filter.encodeHeaders!(stream, answer, false), "hold");
	assert.equal(filter.encodeData!(stream, Buffer.from("50% down")), "taken");
	filter.encodeEnd!(stream, undefined);
	assert.deepEqual([answer.headers.get("grpc-status"), answer.headers.get("grpc-message")], ["14", "50%25 down"]);
});

test("other requests are left alone", () => {
	const { filter, stream, head } = start({ "content-type": "application/json" });
	assert.equal(head, "pass");
	assert.equal(filter.encodeHeaders!(stream, { status: 200, headers: HeaderMap.of() }, false), "pass");
});
