import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../lib/problem.ts";
import { parseBootstrap } from "../proxy/runtime/bootstrap/bootstrap-file.ts";
import { renderSidecar } from "./sidecar-bootstrap.ts";

const environment = {
	LATEEN_POD_IP: "127.9.1.5",
	LATEEN_APP_IP: "127.9.65.5",
	LATEEN_NAMESPACE: "default",
	LATEEN_DNS: "127.9.0.1:15053",
	POD_NAME: "reviews-v1-abc",
	POD_NAMESPACE: "default",
	SERVICE_ACCOUNT: "bookinfo-reviews",
	ISTIO_META_WORKLOAD_NAME: "reviews-v1",
	ISTIO_META_POD_PORTS: '[{"containerPort":9080}]',
	ISTIO_META_CLUSTER_ID: "east",
	PROXY_CONFIG: '{"discoveryAddress":"127.0.0.1:16010","terminationDrainDuration":"2s"}',
	ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","port":"9080"}',
};

test("the environment of an injected pod becomes a bootstrap that the proxy's own reader takes", async () => {
	const settings = renderSidecar(environment, "sidecar");
	const bootstrap = await parseBootstrap(JSON.stringify(settings.bootstrap), "b");
	assert.equal(bootstrap.node!.id, "sidecar~127.9.1.5~reviews-v1-abc.default~default.svc.cluster.local");
	const { metadata } = bootstrap.node!;
	assert.equal(metadata!.CLUSTER_ID, "east");
	assert.equal(metadata!.LATEEN_APP_IP, "127.9.65.5");
	assert.equal(metadata!.WORKLOAD_NAME, "reviews-v1");
	assert.deepEqual(metadata!.POD_PORTS, [{ containerPort: 9080 }]);
	assert.equal(metadata!.INTERCEPTION_MODE, "NONE");
	const address = bootstrap.staticResources!.clusters[0]!.loadAssignment!.endpoints[0]!.lbEndpoints[0]!.hostIdentifier;
	assert.match(JSON.stringify(address), /"127\.0\.0\.1".*16010/);
	assert.equal(bootstrap.clusterManager?.upstreamBindConfig?.sourceAddress?.address, "127.9.1.5");
	assert.equal(settings.drainMs, 2000);
	assert.equal(settings.dnsServer, "127.9.0.1:15053");
	assert.equal(settings.appMetrics!.url, "http://127.9.65.5:9080/metrics");
});

test("where the mesh's own discovery port has changed since injection, the present one counts; another host's stays", () => {
	const place = (discoveryAddress: string) => {
		const { bootstrap } = renderSidecar(
			{
				...environment,
				PROXY_CONFIG: JSON.stringify({ discoveryAddress }),
				LATEEN_DISCOVERY_ADDRESS: "127.0.0.1:17010",
			},
			"sidecar",
		);
		return /"address":"([^"]+)","port_value":(1[67]010)/.exec(JSON.stringify(bootstrap))?.slice(1).join(":");
	};
	assert.equal(place("127.0.0.1:16010"), "127.0.0.1:17010");
	assert.equal(place("control.example:16010"), "control.example:16010");
});

test("a gateway's node is a router, defaults are Istio's", () => {
	const settings = renderSidecar({ POD_IP: "127.9.1.6", HOSTNAME: "gw", LATEEN_NAMESPACE: "istio-system" }, "router");
	assert.equal(
		(settings.bootstrap.node as { id: string }).id,
		"router~127.9.1.6~gw.istio-system~istio-system.svc.cluster.local",
	);
	assert.match(JSON.stringify(settings.bootstrap), /"127\.0\.0\.1","port_value":15010/);
	assert.equal(settings.appMetrics, undefined);
});

test("every missing or wrong variable is named", () => {
	assert.throws(
		() => renderSidecar({ PROXY_CONFIG: '{"discoveryAddress":"nowhere"}', ISTIO_META_POD_PORTS: "[" }, "sidecar"),
		(error) => {
			assert.ok(error instanceof ProblemError);
			assert.deepEqual(
				error.problems.map(({ path }) => path),
				["LATEEN_POD_IP", "POD_NAME", "POD_NAMESPACE", "PROXY_CONFIG.discoveryAddress", "ISTIO_META_POD_PORTS"],
			);
			return true;
		},
	);
	assert.throws(() => renderSidecar({ ...environment, PROXY_CONFIG: "{" }, "sidecar"), /LTN6022 PROXY_CONFIG/);
});
