import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ClusterSchema } from "../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { RouteSchema } from "../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { lateenProxyCheck } from "./lateen-proxy-check.ts";

const check = lateenProxyCheck();
const forward = { case: "route" as const, value: { clusterSpecifier: { case: "cluster" as const, value: "c" } } };
const match = { pathSpecifier: { case: "prefix" as const, value: "/" } };

test("what the proxy's compilers take has no problems", () => {
	assert.deepEqual(check.route(create(RouteSchema, { match, action: forward })), []);
	assert.deepEqual(check.cluster(create(ClusterSchema, { name: "c" })), []);
});

test("fields that the proxy lacks and values that it cannot read are told with their path in the resource", () => {
	const paths = (route: Parameters<typeof create<typeof RouteSchema>>[1]) =>
		check.route(create(RouteSchema, route)).map((p) => p.path);
	assert.deepEqual(paths({ match, action: { case: "filterAction", value: {} } }), ["filter_action"]);
	const responseHeadersToAdd = [{ header: { key: "x-a", value: "%NO_SUCH%" } }];
	assert.deepEqual(paths({ match, action: forward, responseHeadersToAdd }), [
		"response_headers_to_add[0].header.value",
	]);
	assert.deepEqual(paths({ match, action: { case: "directResponse", value: { status: 600 } } }), [
		"direct_response.status",
	]);
	assert.deepEqual(
		check.cluster(create(ClusterSchema, { name: "c", lrsServer: {} })).map((p) => p.path),
		["lrs_server"],
	);
});
