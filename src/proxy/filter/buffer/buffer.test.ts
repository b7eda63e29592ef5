import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { BufferSchema } from "../../../xds/generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream } from "../filter-fixture.ts";
import { bufferFilter } from "./buffer.ts";

const NAME = "envoy.filters.http.buffer";

function start(perRoute?: JsonObject, endStream = false) {
	const factory = bufferFilter();
	const filter = factory.parse(create(BufferSchema, { maxRequestBytes: 10 }), "f", NAME).create();
	const route = perRoute && { "@type": factory.routeTypeUrl!, ...perRoute };
	const stream = new TestStream(testRequest("/"), routeWith(NAME, route, factory));
	return { filter, stream, head: filter.decodeHeaders!(stream, endStream) };
}

test("a request waits until it is whole, and then has a length", () => {
	const { filter, stream, head } = start();
	assert.deepEqual([head, stream.limits.request], ["hold", 10]);
	for (const size of [3, 4]) assert.equal(filter.decodeData!(stream, new Uint8Array(size)), "hold");
	assert.equal(filter.decodeEnd!(stream, undefined), "continue");
	assert.equal(stream.request.headers.get("content-length"), "7");
});

test("routes have their own limit or none", () => {
	assert.equal(start({ buffer: { max_request_bytes: 20 } }).stream.limits.request, 20);
	assert.equal(start({ disabled: true }).head, "pass");
	assert.equal(start(undefined, true).head, "pass");
});

test("a limit is needed", () => {
	assert.throws(() => bufferFilter().parse(create(BufferSchema), "f", NAME), ProblemError);
	assert.throws(() => start({ disabled: false }), ProblemError);
});
