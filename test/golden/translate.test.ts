import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import { bookinfo } from "../../src/controlplane/translate/testing/bookinfo.ts";
import { testProxy } from "../../src/controlplane/translate/testing/test-proxy.ts";
import { ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../src/xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../src/xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import { xdsRegistry } from "../../src/xds/registry.ts";

const FOLDER = join(import.meta.dirname, "translate");
const FIRST_LINE = /^# proxy: (sidecar|router) (\S+)(?: (\S+))?$/m;

/** Clusters that a case is about; the others are the same everywhere. */
const ABOUT = /reviews|details|inbound/;

function translate(yaml: string): unknown {
	const [, role, deployment, namespace] = FIRST_LINE.exec(yaml) ?? [];
	const fixture = bookinfo().apply(yaml);
	const proxy = testProxy(fixture, {
		deployment: deployment!,
		...(namespace && { namespace }),
		role: role === "router" ? "router" : "sidecar",
	});
	const clusters = proxy.clusters().filter((c) => ABOUT.test(c.name));
	const names = clusters.flatMap((c) => (c.edsClusterConfig ? [c.edsClusterConfig.serviceName] : []));
	const json = (schema: DescMessage, messages: readonly Message[]) =>
		messages.map((message) => toJson(schema, message, { registry: xdsRegistry(), useProtoFieldName: true }));
	return {
		clusters: json(ClusterSchema, clusters),
		endpoints: json(ClusterLoadAssignmentSchema, proxy.endpoints(...names)),
		listeners: json(ListenerSchema, proxy.listeners()),
		routes: json(RouteConfigurationSchema, [proxy.routes(role === "router" ? "http.8080" : "http_proxy")]),
	};
}

for (const file of globSync("*/in.yaml", { cwd: FOLDER }).sort())
	test(`golden ${file.split("/")[0]}`, () => {
		const golden = join(FOLDER, file.replace("in.yaml", "out.json"));
		const actual = translate(readFileSync(join(FOLDER, file), "utf8"));
		if (process.env.UPDATE_GOLDEN) writeFileSync(golden, `${JSON.stringify(actual, null, "\t")}\n`);
		assert.deepEqual(actual, JSON.parse(readFileSync(golden, "utf8")), `run with UPDATE_GOLDEN=1 and read the difference`);
	});
