import type { JsonObject } from "@bufbuild/protobuf";
import { ADS, adsConfig, discovery, listener, ownStream, ROUTER, says, xdsClusters } from "./discovery-run.ts";

const ON_DEMAND: JsonObject = {
	name: "envoy.filters.http.on_demand",
	typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand" },
};

const header = (more: JsonObject): JsonObject => ({ header_value_extractor: { name: "x-scope", ...more } });
const scope = (name: string, route_configuration_name: string, ...keys: string[]): JsonObject => ({
	name,
	route_configuration_name,
	key: { fragments: keys.map((string_key) => ({ string_key })) },
});
const holds = (name: string, text: string, ...keys: string[]): JsonObject => {
	const { key } = scope(name, "", ...keys);
	return { name, key: key!, route_configuration: routes(text) };
};
const routes = (name: string, text = name): JsonObject => ({ name, virtual_hosts: [says(text, ["*"])] });
const asking = (value: string) => ({ headers: { "x-scope": value } });

discovery("scopes in the listener, by an element and an index", {
	bootstrap: (xds, upstream) => ({
		static_resources: {
			listeners: [
				listener({
					scoped_routes: {
						name: "s",
						scope_key_builder: {
							fragments: [
								header({ element_separator: ";", element: { separator: "=", key: "v" } }),
								{ header_value_extractor: { name: "x-tenant", element_separator: ",", index: 1 } },
							],
						},
						rds_config_source: ownStream("GRPC"),
						scoped_route_configurations_list: {
							scoped_route_configurations: [
								holds("one", "r1", "1", "a"),
								holds("two", "r2", "2", "b"),
								holds("three", "r3", "3", ""),
								holds("four", "r4", "1=2", "a"),
							],
						},
					},
				}),
			],
			clusters: xdsClusters(xds, upstream),
		},
	}),
	async script({ ask, asked, note }) {
		const by = (v: string, tenant: string) => ask("/", { headers: { "x-scope": v, "x-tenant": tenant } });
		await asked("200 r1", "/", { headers: { "x-scope": "v=1", "x-tenant": "x,a" } });
		note("two", await by("a=1;v=2;v=1", "x,b,c"));
		note("mixed", await by("v=1", "x,b"));
		note("no tenant", await by("v=1", "a"));
		note("no header", await ask("/"));
		note("empty element", await by("v=3", "x,"));
		note("whole value", await by("v", "x,a"));
		note("split once", await by("v=1=2", "x,a"));
		note("blanks", await by(" v=1", "x,a"));
	},
});

const dynamic = (rds: JsonObject, srds: JsonObject, filters: JsonObject[] = [ROUTER]): JsonObject =>
	listener({
		http_filters: filters,
		scoped_routes: {
			name: "s",
			scope_key_builder: { fragments: [header({ index: 0 })] },
			rds_config_source: rds,
			scoped_rds: { scoped_rds_config_source: srds },
		},
	});

for (const api of ["GRPC", "DELTA_GRPC"] as const) {
	discovery(`scopes by SRDS over ADS ${api}: added, changed, removed`, {
		bootstrap: (xds, upstream) => ({
			dynamic_resources: { ads_config: adsConfig(api) },
			static_resources: { listeners: [dynamic(ADS, ADS)], clusters: xdsClusters(xds, upstream) },
		}),
		before(xds) {
			xds.put("scopedRoute", { one: scope("one", "r1", "1"), two: scope("two", "r2", "2") });
			xds.put("route", { r1: routes("r1"), r2: routes("r2"), r3: routes("r3") });
		},
		async script({ xds, ask, asked, note, until }) {
			await asked("200 r1", "/", asking("1"));
			note("two", await ask("/", asking("2")));
			note("no scope", await ask("/", asking("3")));
			note("no key", await ask("/"));
			xds.put("scopedRoute", { three: scope("three", "r3", "3") });
			await asked("200 r3", "/", asking("3"));
			xds.put("scopedRoute", { one: scope("one", "r2", "1") });
			await asked("200 r2", "/", asking("1"));
			xds.remove("scopedRoute", "two");
			await asked("404", "/", asking("2"));
			xds.put("scopedRoute", { clash: scope("clash", "r1", "3") });
			await until("a refusal", () => xds.nacks.length > 0);
			note("nacks", [xds.nacks[0]!.type]);
			note("three", await ask("/", asking("3")));
			note("one", await ask("/", asking("1")));
		},
	});
}

discovery("scopes on demand", {
	bootstrap: (xds, upstream) => ({
		static_resources: {
			listeners: [dynamic(ownStream("GRPC"), ownStream("GRPC"), [ON_DEMAND, ROUTER])],
			clusters: xdsClusters(xds, upstream),
		},
	}),
	before(xds) {
		xds.put("scopedRoute", { one: scope("one", "r1", "1"), lazy: { ...scope("lazy", "r2", "2"), on_demand: true } });
		xds.put("route", { r1: routes("r1"), r2: routes("r2") });
	},
	async script({ xds, ask, asked, note }) {
		await asked("200 r1", "/", asking("1"));
		note(
			"asked for",
			xds.requests.some((line) => line.includes("r2")),
		);
		note("lazy", await ask("/", asking("2")));
		note(
			"asked for",
			xds.requests.some((line) => line.includes("r2")),
		);
		note("no scope", await ask("/", asking("3")));
		note("no key", await ask("/"));
	},
});

discovery("scopes whose routes do not come", {
	bootstrap: (xds, upstream) => ({
		static_resources: {
			listeners: [
				dynamic(
					{ ...ownStream("GRPC"), initial_fetch_timeout: "0.2s" },
					{ ...ownStream("GRPC"), initial_fetch_timeout: "0.2s" },
				),
			],
			clusters: xdsClusters(xds, upstream),
		},
	}),
	before: (xds) => xds.put("scopedRoute", { one: scope("one", "r1", "1") }),
	async script({ xds, ask, asked, note }) {
		note("no routes", await ask("/", asking("1")));
		xds.put("route", { r1: routes("r1") });
		await asked("200 r1", "/", asking("1"));
	},
});
