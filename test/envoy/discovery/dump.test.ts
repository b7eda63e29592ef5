import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ADS, adsConfig, assignment, discovery, listener, ROUTER, says, xdsClusters } from "./discovery-run.ts";

const TYPES = "type.googleapis.com/envoy";
const MUTATION = `${TYPES}.extensions.filters.http.header_mutation.v3.HeaderMutation`;

/** What is the same in both: times, and words of refusals, are not. */
function plain(value: JsonValue, key = ""): JsonValue {
	if (key === "last_updated" || key === "last_update_attempt") return "time";
	if (key === "details") return "words";
	if (key === "port_value") return "port";
	// Envoy keeps them in hash maps.
	if (Array.isArray(value))
		return (
			value
				// Envoy tells of a refused listener a second time, without its name.
				.filter((one) => Object.keys(one as object).join() !== "error_state")
				.map((one) => plain(one))
				.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
		);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.keys(value)
			.sort()
			// Refused clusters and routes are told by Lateen alone.
			.filter((name) => name !== "dynamic_warming_clusters" && !(name === "error_state" && "route_config" in value))
			.map((name) => [name, plain(value[name]!, name)]),
	);
}

const typeOf = (section: JsonObject) => String(section["@type"]).split(".").at(-1)!;

for (const api of ["GRPC", "DELTA_GRPC"] as const) {
	discovery(`the configuration dump of everything that ADS ${api} gives`, {
		bootstrap: (xds, upstream) => ({
			dynamic_resources: { ads_config: adsConfig(api), cds_config: ADS, lds_config: ADS },
			static_resources: { clusters: xdsClusters(xds, upstream) },
		}),
		before(xds, upstream) {
			xds.put("cluster", {
				eds: { name: "eds", type: "EDS", connect_timeout: "1s", eds_cluster_config: { eds_config: ADS } },
			});
			xds.put("endpoint", { eds: assignment("eds", upstream) });
			xds.put("extension", {
				one: {
					name: "one",
					typed_config: {
						"@type": MUTATION,
						mutations: { request_mutations: [{ append: { header: { key: "x-seen", value: "1" } } }] },
					},
				},
			});
			xds.put("route", {
				r: { name: "r", virtual_hosts: [says("all", ["*"])] },
				s: { name: "s", virtual_hosts: [says("scoped", ["*"])] },
			});
			xds.put("scopedRoute", {
				scope: { name: "scope", route_configuration_name: "s", key: { fragments: [{ string_key: "1" }] } },
			});
			xds.put("listener", {
				in: listener({
					rds: { route_config_name: "r", config_source: ADS },
					http_filters: [{ name: "one", config_discovery: { config_source: ADS, type_urls: [MUTATION] } }, ROUTER],
				}),
				scoped: listener(
					{
						scoped_routes: {
							name: "scopes",
							scope_key_builder: { fragments: [{ header_value_extractor: { name: "x-scope", index: 0 } }] },
							rds_config_source: ADS,
							scoped_rds: { scoped_rds_config_source: ADS },
						},
					},
					"scoped",
				),
			});
		},
		async script({ xds, asked, dump, note, until }) {
			await asked("200 all", "/");
			await asked("200 scoped", "/", { listener: "scoped", headers: { "x-scope": "1" } });
			const sections = async (query = "") => {
				const noted = (await dump(query)).filter((section) => typeOf(section) !== "BootstrapConfigDump");
				for (const section of plain(noted) as JsonObject[]) note(`${query} ${typeOf(section)}`, section);
			};
			note("sections", (await dump("?include_eds")).map(typeOf));
			await sections("?include_eds");
			for (const resource of [
				"dynamic_route_configs",
				"dynamic_active_clusters",
				"ecds_filters",
				"dynamic_scoped_route_configs",
			])
				await sections(`?resource=${resource}`);
			await sections("?name_regex=scope.*");
			xds.put("cluster", { bad: { name: "bad", type: "EDS", connect_timeout: "-1s" } }, { version: "bad" });
			xds.put("listener", { in: { ...listener({}), filter_chains: [] } }, { version: "bad" });
			xds.put("route", { r: { name: "r", virtual_hosts: [says("a", ["*"]), says("b", ["*"])] } }, { version: "bad" });
			await until("refusals", () => new Set(xds.nacks.map(({ type }) => type)).size === 3);
			await sections();
		},
	});
}
