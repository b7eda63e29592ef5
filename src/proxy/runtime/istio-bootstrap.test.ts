import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { eventually } from "../../../test/support/eventually.ts";
import { anyOf } from "../../../test/support/scripted-ads.ts";
import { unrefClock } from "../../../test/support/unref-clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { AggregatedDiscoveryService } from "../../xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import {
	DeltaDiscoveryResponseSchema,
	ResourceSchema,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import { parseBootstrap } from "./bootstrap/bootstrap-file.ts";
import { startProxy } from "./proxy.ts";
import { makeRequestPath } from "./request-path.ts";

const cleanUps: (() => unknown)[] = [];
after(async () => {
	for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

/** Istio's agent: ADS on a Unix socket, which sends one cluster. */
async function agent(path: string): Promise<{ nodes: string[] }> {
	const nodes: string[] = [];
	const adapter = connectNodeAdapter({
		routes: (router) => {
			router.service(AggregatedDiscoveryService, {
				async *deltaAggregatedResources(requests) {
					for await (const { node, typeUrl, responseNonce } of requests) {
						if (node) nodes.push(node.id);
						if (typeUrl !== RESOURCE_TYPES.cluster || responseNonce !== "") continue;
						const resource = anyOf("cluster", { name: "outbound|80||a.b.svc.cluster.local", type: "STATIC" });
						yield create(DeltaDiscoveryResponseSchema, {
							typeUrl,
							nonce: "1",
							resources: [
								create(ResourceSchema, { name: "outbound|80||a.b.svc.cluster.local", version: "1", resource }),
							],
						});
					}
				},
			});
		},
	});
	const sessions = new Set<ServerHttp2Session>();
	const server = createServer(adapter).on("session", (session) => sessions.add(session));
	await new Promise<void>((resolve) => server.listen(path, resolve));
	cleanUps.push(() => {
		for (const session of sessions) session.destroy();
		server.close();
	});
	return { nodes };
}

test("a bootstrap as Istio's agent renders it: ADS over a Unix socket, runtime, stats rules", async () => {
	const folder = await mkdtemp(join(tmpdir(), "lateen-istio-"));
	cleanUps.push(() => rm(folder, { recursive: true, force: true }));
	const { nodes } = await agent(join(folder, "XDS"));
	const text = await readFile(join(import.meta.dirname, "testdata/istio-bootstrap.json"), "utf8");
	const proxy = await startProxy(
		await parseBootstrap(text.replace("./etc/istio/proxy/XDS", join(folder, "XDS")), "test"),
		{
			clock: unrefClock,
			random: seededRandom(1),
			logging: createLogging({ level: "off", destination: { write() {} } }),
			environment: {},
			makeDataPlane: makeRequestPath,
			drainTimeMs: 0,
			dnsServer: undefined,
			configPath: "test",
			onQuit() {},
		},
	);
	cleanUps.push(() => proxy.close());
	const page = async (path: string) => (await fetch(`http://127.0.0.1:${proxy.admin!.port}${path}`)).text();
	await eventually("the agent's cluster", async () => (await page("/clusters")).includes("outbound|80||a.b.svc"));
	assert.deepEqual(nodes, ["sidecar~10.0.0.1~a.b~b.svc.cluster.local"]);
	const stats = await page("/stats");
	assert.match(stats, /^listener_manager\.total_listeners_active: 2$/m);
	assert.doesNotMatch(stats, /^cluster\.agent/m);
	assert.match(await page("/stats/prometheus"), /^envoy_cluster_xds_grpc|^envoy_cluster_\w+\{cluster_name="xds-grpc/m);
	const runtime = JSON.parse(await page("/runtime")) as {
		layers: string[];
		entries: Record<string, { final_value: string }>;
	};
	assert.deepEqual(runtime.layers, ["global config", "admin"]);
	assert.equal(runtime.entries["re2.max_program_size.error_level"]!.final_value, "32768");
});
