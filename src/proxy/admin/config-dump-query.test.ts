import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
	ClustersConfigDumpSchema,
	ListenersConfigDumpSchema,
} from "../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import { DumpQueryError, queryDump } from "./config-dump-query.ts";

const cluster = (name: string) => ({ cluster: { "@type": "c", name, type: "EDS" }, last_updated: "t" });
const SECTIONS = [
	{
		desc: ClustersConfigDumpSchema,
		json: { "@type": "clusters", version_info: "1", static_clusters: [cluster("a"), cluster("ab")] } as JsonObject,
	},
	{
		desc: ListenersConfigDumpSchema,
		json: {
			"@type": "listeners",
			dynamic_listeners: [{ name: "a", active_state: { version_info: "2" } }],
		} as JsonObject,
	},
];
const ask = (query: string) => queryDump(SECTIONS, new URLSearchParams(query));

test("resource: the elements of one list, each with its type", () => {
	const [first] = ask("resource=static_clusters");
	assert.equal(first!["@type"], "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster");
	assert.equal(first!.last_updated, "t");
});

test("mask: parts of each dump that has them, or of each element", () => {
	assert.deepEqual(ask("mask=static_clusters.cluster.name,version_info"), [
		{
			"@type": "clusters",
			version_info: "1",
			static_clusters: [{ cluster: { "@type": "c", name: "a" } }, { cluster: { "@type": "c", name: "ab" } }],
		},
		// A dump of listeners has a version too, but no clusters: it does not fit the mask.
	]);
	assert.deepEqual(
		ask("resource=dynamic_listeners&mask=active_state.version_info").map(({ active_state }) => active_state),
		[{ version_info: "2" }],
	);
});

test("name_regex: whole names, in every list", () => {
	const [clusters, listeners] = ask("name_regex=.b");
	assert.equal((clusters!.static_clusters as JsonObject[]).length, 1);
	assert.equal(listeners!.dynamic_listeners, undefined);
	assert.equal(ask("name_regex=a&resource=static_clusters").length, 1);
});

test("what is not there or does not parse is told", () => {
	const refused = (query: string, status: number) =>
		assert.throws(
			() => ask(query),
			(error) => error instanceof DumpQueryError && error.status === status,
		);
	refused("resource=nonsense", 404);
	refused("mask=nonsense", 400);
	refused("resource=static_clusters&mask=nonsense", 400);
	refused("name_regex=(", 400);
});
