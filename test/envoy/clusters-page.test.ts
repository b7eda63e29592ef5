import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy, startEnvoy } from "../support/envoy.ts";
import { startLateenProxy } from "../support/lateen-proxy.ts";
import { any, cluster, endpoint, socketAddress } from "./harness/bootstrap-parts.ts";

const envoy = await findEnvoy();

const HOSTS: JsonObject[] = [
	endpoint(1, { load_balancing_weight: 5, metadata: { filter_metadata: { "envoy.lb": { canary: true } } } }),
	{ endpoint: { address: socketAddress(2), hostname: "two.test" } },
	...["HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"].map((health_status, i) =>
		endpoint(3 + i, { health_status }),
	),
	{ endpoint: { address: { pipe: { path: "/tmp/none.sock" } } } },
];

/** Every kind of cluster and host that the page tells apart. */
const CLUSTERS: JsonObject[] = [
	cluster("plain", [1, 2]),
	cluster("empty", [], { alt_stat_name: "told:otherwise" }),
	cluster("hosts", [], {
		load_assignment: {
			cluster_name: "hosts",
			endpoints: [
				{ locality: { region: "r", zone: "z", sub_zone: "s" }, lb_endpoints: HOSTS.slice(0, 4) },
				{ priority: 1, lb_endpoints: HOSTS.slice(4) },
			],
		},
	}),
	cluster("limits", [1], {
		circuit_breakers: {
			thresholds: [
				{ max_connections: 7, max_retries: 1 },
				{ priority: "HIGH", max_requests: 9 },
			],
		},
		outlier_detection: {},
	}),
	cluster("checked", [1], {
		health_checks: [
			{ timeout: "0.2s", interval: "60s", unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {} },
		],
	}),
	{
		name: "together",
		connect_timeout: "1s",
		lb_policy: "CLUSTER_PROVIDED",
		cluster_type: {
			name: "envoy.clusters.aggregate",
			typed_config: any("envoy.extensions.clusters.aggregate.v3.ClusterConfig", { clusters: ["plain", "empty"] }),
		},
	},
	{ name: "captured", type: "ORIGINAL_DST", connect_timeout: "1s", lb_policy: "CLUSTER_PROVIDED" },
];

interface Page {
	readonly cluster_statuses: readonly { readonly name: string }[];
}

async function pages(adminUrl: string) {
	const text = await (await fetch(`${adminUrl}/clusters`)).text();
	const json = (await (await fetch(`${adminUrl}/clusters?format=json`)).json()) as Page;
	const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
	return { text: text.split("\n").sort(), json: [...json.cluster_statuses].sort(byName) };
}

test("/clusters tells the same as Envoy's, as text and as JSON", {
	skip: "skip" in envoy ? envoy.skip : false,
}, async () => {
	if (!("path" in envoy)) return;
	const bootstrap = { static_resources: { clusters: CLUSTERS } };
	const theirs = await startEnvoy({ path: envoy.path, bootstrap });
	try {
		const ours = await startLateenProxy(bootstrap);
		try {
			assert.deepEqual(await pages(ours.adminUrl), await pages(theirs.adminUrl));
		} finally {
			await ours.stop();
		}
	} finally {
		await theirs.stop();
	}
});
