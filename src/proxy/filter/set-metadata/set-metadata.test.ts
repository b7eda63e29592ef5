import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { ConfigSchema } from "../../../xds/generated/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { TestStream } from "../filter-fixture.ts";
import { setMetadataFilter } from "./set-metadata.ts";

function metadataAfter(config: JsonObject, before: Record<string, unknown> = {}): unknown {
	const filter = setMetadataFilter().parse(fromJson(ConfigSchema, config), "f", "set").create();
	const stream = new TestStream(testRequest("/"), undefined, { dynamicMetadata: new Map([["ns", before]]) });
	if (Object.keys(before).length === 0) stream.info.dynamicMetadata.clear();
	filter.decodeHeaders!(stream, true);
	return stream.info.dynamicMetadata.get("ns");
}

test("metadata is set, kept, or merged", () => {
	const entry = (value: JsonObject, allow_overwrite = false) => ({
		metadata: [{ metadata_namespace: "ns", value, allow_overwrite }],
	});
	assert.deepEqual(metadataAfter(entry({ a: 1 })), { a: 1 });
	assert.deepEqual(metadataAfter(entry({ a: 1 }), { b: 2 }), { b: 2 });
	const before = { a: 0, list: [1], deep: { x: 1 }, kind: { y: 1 } };
	assert.deepEqual(metadataAfter(entry({ a: 1, list: [2], deep: { z: 2 }, kind: "text" }, true), before), {
		a: 1,
		list: [1, 2],
		deep: { x: 1, z: 2 },
		kind: "text",
	});
});

test("the older fields merge", () => {
	assert.deepEqual(metadataAfter({ metadata_namespace: "ns", value: { a: 1 } }, { b: 2 }), { a: 1, b: 2 });
});

test("an entry without a namespace is a problem", () => {
	assert.throws(() => metadataAfter({ metadata: [{ value: { a: 1 } }] }), ProblemError);
});
