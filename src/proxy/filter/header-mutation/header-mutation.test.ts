import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { ProblemError } from "../../../lib/problem.ts";
import { HeaderMutationSchema } from "../../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { headerMutationFilter } from "./header-mutation.ts";

const NAME = "envoy.filters.http.header_mutation";
const factory = headerMutationFilter(testDeps());
const config = (json: JsonObject) => fromJson(HeaderMutationSchema, json, { registry: xdsRegistry() });
const put = (key: string, value: string, append_action = "APPEND_IF_EXISTS_OR_ADD"): JsonObject => ({
	append: { header: { key, value }, append_action },
});

function setUp(mutations: JsonObject, perRoute?: JsonObject) {
	const filter = factory.parse(config({ mutations }), "f", NAME).create();
	const route = perRoute && { "@type": factory.routeTypeUrl!, mutations: perRoute };
	const stream = new TestStream(testRequest("/p?b=2&a=%41", { "x-a": "0" }), routeWith(NAME, route, factory));
	return { filter, stream, head: filter.decodeHeaders!(stream, false) };
}

test("each mutation runs on what the one before left", () => {
	const { stream, head } = setUp({
		request_mutations: [{ remove: "X-A" }, put("x-a", "%REQ(:METHOD)%"), put("x-a", "never", "ADD_IF_ABSENT")],
	});
	assert.equal(stream.request.headers.getJoined("x-a"), "GET");
	assert.equal(head, "pass");
});

test("the listener's mutations run first, then the route's", () => {
	const { stream, filter } = setUp(
		{ request_mutations: [put("x-level", "listener")], response_mutations: [put("x-out", "l")] },
		{ request_mutations: [put("x-level", "route")], response_mutations: [put("x-out", "r")] },
	);
	assert.equal(stream.request.headers.getJoined("x-level"), "listener,route");
	assert.equal(stream.encodeWith(filter).headers.getJoined("x-out"), "l,r");
});

test("a query is written with decoded names and values in order of the names", () => {
	const { stream } = setUp({
		query_parameter_mutations: [
			{ append: { record: { key: "c", value: "%REQ(x-a)%" }, action: "ADD_IF_ABSENT" } },
			{ remove: "b" },
		],
	});
	assert.equal(stream.request.path, "/p?a=A&c=0");
});

test("trailers are changed where there are some", () => {
	const { stream, filter, head } = setUp({
		request_trailers_mutations: [put("x-t", "1")],
		response_trailers_mutations: [{ remove_on_match: { key_matcher: { prefix: "x-" } } }],
	});
	assert.equal(head, "continue");
	const sent = HeaderMap.of(["x-end", "e"]);
	assert.equal(filter.decodeEnd!(stream, sent), "continue");
	assert.deepEqual(sent.names, ["x-end", "x-t"]);
	assert.equal(filter.decodeEnd!(stream, undefined), "continue");
	filter.encodeEnd!(stream, sent);
	assert.deepEqual(sent.names, []);
});

test("what is wrong is told with its path", () => {
	const bad = config({
		mutations: {
			request_mutations: [put(":path", "/"), { remove: "host" }, {}],
			query_parameter_mutations: [{ append: { record: { key: "a", value: 1 } } }, {}],
		},
	});
	assert.throws(
		() => factory.parse(bad, "f", NAME),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map(({ path }) => path.replace("f.mutations.", "")),
				[
					"request_mutations[0].append.header.key",
					"request_mutations[1].remove",
					"request_mutations[2]",
					"query_parameter_mutations[0].append.record.value",
					"query_parameter_mutations[1]",
				],
			);
			return true;
		},
	);
});
