import type { JsonObject } from "@bufbuild/protobuf";
import {
	ADS,
	adsConfig,
	assignment,
	type DiscoveryRun,
	discovery,
	listener,
	ownStream,
	says,
	xdsClusters,
} from "./discovery-run.ts";

const routes = (text: string): JsonObject => ({ name: "r", virtual_hosts: [says(text, ["*"])] });
const toCluster = (cluster: string): JsonObject => ({
	name: "r",
	virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster } }] }],
});
const eds = (name: string, source: JsonObject): JsonObject => ({
	name,
	type: "EDS",
	connect_timeout: "1s",
	eds_cluster_config: { eds_config: source },
});
const rest: JsonObject = {
	api_config_source: {
		api_type: "REST",
		transport_api_version: "V3",
		cluster_names: ["rest"],
		refresh_delay: "0.05s",
		request_timeout: "1s",
	},
	resource_api_version: "V3",
};

const STATS =
	/^(cluster_manager\.cds|listener_manager\.lds|cluster\.eds|http\.in\.rds\.r)\.(update_(attempt|success|rejected|failure)|init_fetch_timeout|config_reload|control_plane\.connected_state)$|^control_plane\.connected_state$/;

async function noteStats({ note, proxy }: DiscoveryRun): Promise<void> {
	const stats = await proxy.stats(STATS);
	for (const name of Object.keys(stats).sort()) note(name, stats[name]);
}

/** Everything from one kind of source: clusters, endpoints, listeners, routes; each changed, refused, removed. */
for (const [name, source, ads] of [
	["REST", rest, undefined],
	["a gRPC stream for each", ownStream("GRPC"), undefined],
	["a delta stream for each", ownStream("DELTA_GRPC"), undefined],
	["ADS", ADS, "GRPC"],
	["delta ADS", ADS, "DELTA_GRPC"],
] as const) {
	discovery(`all kinds of resources by ${name}`, {
		bootstrap: (xds, upstream) => ({
			dynamic_resources: { ...(ads && { ads_config: adsConfig(ads) }), cds_config: source, lds_config: source },
			static_resources: { clusters: xdsClusters(xds, upstream) },
		}),
		before(xds, upstream) {
			xds.put("cluster", { eds: eds("eds", source) });
			xds.put("endpoint", { eds: assignment("eds", upstream) });
			xds.put("listener", { in: listener({ rds: { route_config_name: "r", config_source: source } }) });
			xds.put("route", { r: toCluster("eds") });
		},
		async script(run) {
			const { xds, asked, note } = run;
			await asked("200 up a.test / -", "/");
			if (name !== "REST") await noteStats(run);
			xds.put("route", { r: routes("direct") });
			await asked("200 direct", "/");
			xds.put("route", { r: toCluster("eds") });
			await asked("200 up a.test / -", "/");
			xds.put("endpoint", { eds: assignment("eds") });
			await asked("503 no healthy upstream", "/");
			xds.put("endpoint", { eds: assignment("eds", run.upstream) });
			await asked("200 up a.test / -", "/");
			xds.put("cluster", { eds: { ...eds("eds", source), connect_timeout: "-1s" } });
			if (name !== "REST") await run.until("a refusal", () => xds.nacks.length > 0);
			note("still", await run.ask("/"));
			note(
				"nacks",
				xds.nacks.map(({ type }) => type),
			);
			xds.put("cluster", { eds: eds("eds", source) });
			xds.remove("cluster", "eds");
			await asked("503", "/");
			xds.remove("listener", "in");
			await run.until("the listener to go", async () => {
				const { listener_statuses: all = [] } = (await (
					await fetch(`${run.proxy.adminUrl}/listeners?format=json`)
				).json()) as { listener_statuses?: unknown[] };
				return all.length === 0;
			});
		},
	});
}

discovery("routes that never come: the listener opens after initial_fetch_timeout", {
	bootstrap: (xds, upstream) => ({
		static_resources: {
			listeners: [
				listener({
					rds: { route_config_name: "r", config_source: ownStream("GRPC", { initial_fetch_timeout: "0.2s" }) },
				}),
			],
			clusters: xdsClusters(xds, upstream),
		},
	}),
	async script(run) {
		run.note("before", await run.ask("/"));
		run.note("timeouts", await run.stat("http.in.rds.r.init_fetch_timeout"));
		run.xds.put("route", { r: routes("came") });
		await run.asked("200 came", "/");
	},
});
