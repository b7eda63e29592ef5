import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { FilterConfigSchema } from "../../../xds/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { GRPC_MESSAGES } from "../filter-state-keys.ts";
import { grpcStatsFilter } from "./grpc-stats.ts";
import { MessageCounter } from "./message-counter.ts";

const frame = (length: number) =>
	Buffer.concat([Buffer.from([0, 0, 0, length >> 8, length & 255]), Buffer.alloc(length)]);

test("messages are counted however the body is cut", () => {
	const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 });
	fc.assert(
		fc.property(lengths, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (messages, cuts) => {
			const body = Buffer.concat(messages.map(frame));
			const counter = new MessageCounter();
			let counted = 0;
			for (let at = 0, i = 0; at < body.length; i++) {
				const next = Math.min(body.length, at + cuts[i % cuts.length]!);
				counted += counter.inspect(body.subarray(at, next));
				at = next;
			}
			assert.deepEqual([counter.count, counted], [messages.length, messages.length]);
		}),
	);
});

function call(config: JsonObject, path = "/pkg.Shop/Buy", status = "0") {
	const deps = testDeps();
	const factory = grpcStatsFilter(deps);
	const filter = factory.parse(fromJson(FilterConfigSchema, config), "f", "grpc_stats").create();
	const request = testRequest(path, { "content-type": "application/grpc" });
	const stream = new TestStream(request, routeWith("grpc_stats", undefined, factory), { upstreamCluster: "shop" });
	filter.decodeHeaders!(stream, false);
	filter.decodeData!(stream, Buffer.concat([frame(3), frame(0)]));
	filter.encodeHeaders!(stream, { status: 200, headers: HeaderMap.of(["content-type", "application/grpc"]) }, false);
	filter.encodeData!(stream, frame(2));
	filter.encodeEnd!(stream, HeaderMap.of(["grpc-status", status]));
	const stats = [...deps.registry.stats()].filter(({ name }) => name.startsWith("cluster."));
	const counts = stats.map(({ name, cell }) => [
		name.replace("cluster.shop.grpc.", ""),
		"value" in cell ? cell.value : "h",
	]);
	return { counts: Object.fromEntries(counts) as Record<string, unknown>, stream };
}

describe("calls are counted", () => {
	test("without their names by default", () => {
		const { counts, stream } = call({});
		assert.deepEqual(counts, { request_message_count: 2, response_message_count: 1, 0: 1, success: 1, total: 1 });
		assert.equal(stream.info.filterState.size, 0);
	});

	test("by method when all are wanted", () => {
		const { counts } = call({ stats_for_all_methods: true }, "/pkg.Shop/Buy", "14");
		const prefix = "pkg.Shop.Buy.";
		assert.deepEqual(counts, {
			[`${prefix}request_message_count`]: 2,
			[`${prefix}response_message_count`]: 1,
			[`${prefix}14`]: 1,
			[`${prefix}failure`]: 1,
			[`${prefix}total`]: 1,
		});
	});

	test("by method when it is listed", () => {
		const config = {
			individual_method_stats_allowlist: { services: [{ name: "pkg.Shop", method_names: ["Buy"] }] },
			replace_dots_in_grpc_service_name: true,
		};
		assert.equal(call(config).counts["pkg_Shop.Buy.total"], 1);
		assert.equal(call(config, "/pkg.Shop/Sell").counts.total, 1);
	});

	test("not when the path names no method", () => {
		assert.deepEqual(call({ stats_for_all_methods: true }, "/just-one").counts, {});
	});
});

test("the numbers of messages are left for other filters", () => {
	const { stream } = call({ emit_filter_state: true });
	assert.deepEqual(stream.info.filterState.get(GRPC_MESSAGES), { requestMessageCount: 2, responseMessageCount: 1 });
});
