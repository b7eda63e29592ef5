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

const direct = (name: string): JsonObject =>
	listener({ route_config: { name: `routes of ${name}`, virtual_hosts: [says(name, ["*"])] } }, name);

for (const api of ["GRPC", "DELTA_GRPC"] as const) {
	discovery(`names that come twice in a response of ADS ${api}`, {
		bootstrap: (xds, upstream) => ({
			dynamic_resources: { ads_config: adsConfig(api), cds_config: ADS, lds_config: ADS },
			static_resources: { clusters: xdsClusters(xds, upstream) },
		}),
		before: (xds) => xds.put("listener", { in: direct("in") }),
		async script({ xds, ask, asked, note, until, upstream, proxy }) {
			await asked("200 in", "/");
			xds.put("cluster", {
				one: cluster("twice", upstream),
				two: cluster("twice", upstream),
				ok: cluster("ok", upstream),
			});
			await until("a refusal of clusters", () => xds.nacks.some(({ type }) => type === "Cluster"));
			const names = await (await fetch(`${proxy.adminUrl}/clusters`)).text();
			note("clusters", [/^twice::/m.test(names), /^ok::/m.test(names)]);
			xds.put("listener", { a: direct("both"), b: direct("both"), other: direct("other") });
			await until("a refusal of listeners", () => xds.nacks.some(({ type }) => type === "Listener"));
			note("other", await ask("/", { listener: "other" }).catch(() => "none"));
			note("in", await ask("/"));
		},
	});
}
