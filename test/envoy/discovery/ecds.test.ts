import type { JsonObject } from "@bufbuild/protobuf";
import {
	ADS,
	adsConfig,
	type Discovery,
	discovery,
	listener,
	ownStream,
	ROUTER,
	xdsClusters,
} from "./discovery-run.ts";

const TYPES = "type.googleapis.com/envoy";
const MUTATION = `${TYPES}.extensions.filters.http.header_mutation.v3.HeaderMutation`;
const FAULT = `${TYPES}.extensions.filters.http.fault.v3.HTTPFault`;

/** A header_mutation config that sets `x-seen`. */
const seen = (value: string): JsonObject => ({
	"@type": MUTATION,
	mutations: { request_mutations: [{ append: { header: { key: "x-seen", value } } }] },
});
const abort = (http_status: number): JsonObject => ({
	"@type": FAULT,
	abort: { http_status, percentage: { numerator: 100 } },
});
const extension = (name: string, typed_config: JsonObject): Record<string, JsonObject> => ({
	[name]: { name, typed_config },
});
const discovered = (name: string, config_source: JsonObject, more: JsonObject = {}): JsonObject => ({
	name,
	config_discovery: { config_source, type_urls: [MUTATION, FAULT], ...more },
});
const toUp = {
	name: "r",
	virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "up" } }] }],
};

const bootstrap =
	(filters: JsonObject[], ads?: "GRPC" | "DELTA_GRPC"): Discovery["bootstrap"] =>
	(xds, upstream) => ({
		...(ads && { dynamic_resources: { ads_config: adsConfig(ads) } }),
		static_resources: {
			listeners: [listener({ route_config: toUp, http_filters: [...filters, ROUTER] })],
			clusters: xdsClusters(xds, upstream),
		},
	});

for (const api of ["GRPC", "DELTA_GRPC"] as const) {
	discovery(`a filter by ECDS over ADS ${api}: comes, changes, is refused`, {
		bootstrap: bootstrap([discovered("one", ADS), discovered("two", ADS)], api),
		before: (xds) => xds.put("extension", { ...extension("one", seen("1")), ...extension("two", seen("2")) }),
		async script({ xds, ask, asked, note, until }) {
			await asked("200 up a.test / 1, 2", "/");
			xds.put("extension", extension("one", seen("changed")));
			await asked("200 up a.test / changed, 2", "/");
			xds.put("extension", extension("one", abort(418)));
			await asked("418 fault filter abort", "/");
			xds.put("extension", extension("two", { "@type": `${TYPES}.extensions.filters.http.cors.v3.Cors` }));
			await until("a refusal", () => xds.nacks.length > 0);
			note(
				"nacks",
				xds.nacks.map(({ type }) => type),
			);
			xds.put("extension", { ...extension("two", seen("2")), ...extension("one", seen("again")) });
			await asked("200 up a.test / again, 2", "/");
			note("status", (await ask("/")).slice(0, 3));
		},
	});
}

discovery("a filter that is removed, with and without a default", {
	bootstrap: bootstrap([
		discovered("plain", ownStream("DELTA_GRPC")),
		discovered("fallback", ownStream("DELTA_GRPC"), { default_config: seen("default") }),
	]),
	before: (xds) => xds.put("extension", { ...extension("plain", seen("p")), ...extension("fallback", seen("f")) }),
	async script({ xds, asked }) {
		await asked("200 up a.test / p, f", "/");
		xds.remove("extension", "fallback");
		await asked("200 up a.test / p, default", "/");
		xds.remove("extension", "plain");
		await asked("500", "/");
		xds.put("extension", extension("plain", seen("back")));
		await asked("200 up a.test / back, default", "/");
	},
});

discovery("filters that do not come", {
	bootstrap: bootstrap([
		discovered("default", { ...ownStream("GRPC"), initial_fetch_timeout: "0.2s" }, { default_config: seen("d") }),
	]),
	async script({ xds, ask, asked, note }) {
		note("default", await ask("/"));
		xds.put("extension", extension("default", seen("came")));
		await asked("200 up a.test / came", "/");
	},
});

discovery("a filter that does not come and has no default", {
	bootstrap: bootstrap([discovered("missing", { ...ownStream("GRPC"), initial_fetch_timeout: "0.2s" })]),
	async script({ xds, ask, asked, note }) {
		note("missing", await ask("/"));
		xds.put("extension", extension("missing", seen("came")));
		await asked("200 up a.test / came", "/");
	},
});

discovery("a default without warming", {
	bootstrap: bootstrap([
		discovered("eager", ownStream("GRPC"), {
			default_config: seen("d"),
			apply_default_config_without_warming: true,
		}),
	]),
	async script({ xds, ask, asked, note }) {
		note("default", await ask("/"));
		xds.put("extension", extension("eager", seen("came")));
		await asked("200 up a.test / came", "/");
	},
});

discovery("the router by ECDS", {
	bootstrap: (xds, upstream) => ({
		static_resources: {
			listeners: [
				listener({
					route_config: toUp,
					http_filters: [
						{
							name: "router",
							config_discovery: {
								config_source: ownStream("GRPC"),
								type_urls: [`${TYPES}.extensions.filters.http.router.v3.Router`],
							},
						},
					],
				}),
			],
			clusters: xdsClusters(xds, upstream),
		},
	}),
	before: (xds) =>
		xds.put("extension", extension("router", { "@type": `${TYPES}.extensions.filters.http.router.v3.Router` })),
	async script({ asked }) {
		await asked("200 up a.test / -", "/");
	},
});
