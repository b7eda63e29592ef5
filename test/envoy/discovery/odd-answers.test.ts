import type { JsonObject } from "@bufbuild/protobuf";
import { ADS, adsConfig, assignment, cluster, discovery, listener, says, xdsClusters } from "./discovery-run.ts";

const routes = (text: string): JsonObject => ({ name: "r", virtual_hosts: [says(text, ["*"])] });

discovery("a stream that breaks is taken up again, and resumes", {
	bootstrap: (xds, upstream) => ({
		dynamic_resources: { ads_config: adsConfig("DELTA_GRPC"), cds_config: ADS, lds_config: ADS },
		static_resources: { clusters: xdsClusters(xds, upstream) },
	}),
	before(xds) {
		xds.put("listener", { in: listener({ rds: { route_config_name: "r", config_source: ADS } }) });
		xds.put("route", { r: routes("first") });
	},
	async script({ xds, ask, asked, note, until, stat }) {
		await asked("200 first", "/");
		xds.cut();
		await until("the stream to be noticed", async () => (await stat("control_plane.connected_state")) === 0);
		note("while away", await ask("/"));
		xds.put("route", { r: routes("meanwhile") });
		await asked("200 meanwhile", "/");
		await until("the stream to be up", async () => (await stat("control_plane.connected_state")) === 1);
	},
});

discovery("resources that live for a while", {
	bootstrap: (xds, upstream) => ({
		dynamic_resources: { ads_config: adsConfig("DELTA_GRPC"), cds_config: ADS, lds_config: ADS },
		static_resources: { clusters: xdsClusters(xds, upstream) },
	}),
	before(xds, upstream) {
		xds.put("cluster", { short: cluster("short", upstream) }, { ttlMs: 400 });
		xds.put("listener", {
			in: listener({
				route_config: {
					name: "r",
					virtual_hosts: [
						{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "short" } }] },
					],
				},
			}),
		});
	},
	async script({ asked }) {
		await asked("200 up a.test / -", "/");
		await asked("503", "/");
	},
});

discovery("endpoints whose cluster waits for them, and then has none in time", {
	bootstrap: (xds, upstream) => ({
		dynamic_resources: { ads_config: adsConfig("GRPC"), cds_config: ADS, lds_config: ADS },
		static_resources: { clusters: xdsClusters(xds, upstream) },
	}),
	before(xds) {
		xds.put("cluster", {
			eds: {
				name: "eds",
				type: "EDS",
				connect_timeout: "1s",
				eds_cluster_config: { eds_config: { ...ADS, initial_fetch_timeout: "0.3s" } },
			},
		});
		xds.put("listener", {
			in: listener({
				route_config: {
					name: "r",
					virtual_hosts: [
						{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "eds" } }] },
					],
				},
			}),
		});
	},
	async script({ xds, ask, asked, note, stat, upstream }) {
		note("without", await ask("/"));
		note("timeouts", await stat("cluster.eds.init_fetch_timeout"));
		xds.put("endpoint", { eds: assignment("eds", upstream) });
		await asked("200 up a.test / -", "/");
	},
});
