import type { JsonObject } from "@bufbuild/protobuf";
import { any, endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const STATS = [/cluster\.[a-z-]+\.lb_subsets_(selected|fallback|fallback_panic)/];

/** Several requests: which endpoints answered, and what was counted. */
function asked(name: string, path: string, times = 6): Case {
	return {
		name,
		send: Array.from({ length: times }, () => ({ path })),
		counters: STATS,
		compare: ({ log, counters }) => {
			const lines = log as { host: string | null; code: number; flags: string | null }[];
			return { hosts: [...new Set(lines.map(({ host, code, flags }) => `${code} ${flags} ${host}`))].sort(), counters };
		},
	};
}

const wants = (fields: JsonObject): JsonObject => ({ metadata_match: { filter_metadata: { "envoy.lb": fields } } });

scene("subsets", {
	upstreams: { a: http1(), b: http1(), c: http1() },
	bootstrap: (at) => {
		const host = (name: string, fields: JsonObject, more: JsonObject = {}): JsonObject =>
			endpoint(at.port(name), { metadata: { filter_metadata: { "envoy.lb": fields } }, ...more });
		const make = (name: string, config: JsonObject, hosts?: JsonObject[]): JsonObject => ({
			name,
			type: "STATIC",
			connect_timeout: "1s",
			lb_subset_config: config,
			load_assignment: {
				cluster_name: name,
				endpoints: [
					{
						lb_endpoints: hosts ?? [
							host("a", { version: "1", stage: "prod" }),
							host("b", { version: "2", stage: "prod", n: 5 }),
							host("c", { version: "3", stage: "dev", on: true }),
						],
					},
				],
			},
		});
		const byVersion = {
			subset_selectors: [{ keys: ["version"] }, { keys: ["stage", "version"] }, { keys: ["n"] }, { keys: ["on"] }],
		};
		const selector = (more: JsonObject): JsonObject => ({
			fallback_policy: "ANY_ENDPOINT",
			default_subset: { stage: "dev" },
			subset_selectors: [{ keys: ["version", "stage"], ...more }, { keys: ["stage"] }],
		});
		const clusters: JsonObject[] = [
			make("plain", byVersion),
			make("any", { ...byVersion, fallback_policy: "ANY_ENDPOINT" }),
			make("default", { ...byVersion, fallback_policy: "DEFAULT_SUBSET", default_subset: { stage: "dev" } }),
			make("default-missing", { ...byVersion, fallback_policy: "DEFAULT_SUBSET", default_subset: { stage: "none" } }),
			make("panic-any", {
				...byVersion,
				fallback_policy: "DEFAULT_SUBSET",
				default_subset: { stage: "none" },
				panic_mode_any: true,
			}),
			make("selector-none", selector({ fallback_policy: "NO_FALLBACK" })),
			make("selector-any", { ...selector({ fallback_policy: "ANY_ENDPOINT" }), fallback_policy: "NO_FALLBACK" }),
			make("selector-default", selector({ fallback_policy: "DEFAULT_SUBSET" })),
			make("selector-keys", selector({ fallback_policy: "KEYS_SUBSET", fallback_keys_subset: ["stage"] })),
			make("lists", { ...byVersion, list_as_any: true }, [
				host("a", { version: ["1", "2"] }),
				host("b", { version: "2" }),
				host("c", { version: ["3"] }),
			]),
			make("lists-whole", byVersion, [host("a", { version: ["1", "2"] }), host("b", { version: "2" })]),
			make(
				"single",
				{ subset_selectors: [{ keys: ["version"], single_host_per_subset: true }], fallback_policy: "ANY_ENDPOINT" },
				[
					host("a", { version: "1" }),
					host("b", { version: "1" }),
					host("c", { version: "2" }, { health_status: "UNHEALTHY" }),
				],
			),
			make("sick", { ...byVersion, fallback_policy: "ANY_ENDPOINT" }, [
				host("a", { version: "1" }, { health_status: "UNHEALTHY" }),
				host("b", { version: "2" }),
			]),
			make("fallback-list", { ...byVersion, metadata_fallback_policy: "FALLBACK_LIST" }),
			{
				...make("typed", {}),
				lb_subset_config: undefined as never,
				load_balancing_policy: {
					policies: [
						{
							typed_extension_config: {
								name: "envoy.load_balancing_policies.subset",
								typed_config: any("envoy.extensions.load_balancing_policies.subset.v3.Subset", {
									...byVersion,
									allow_redundant_keys: true,
									subset_lb_policy: {
										policies: [
											{
												typed_extension_config: {
													name: "envoy.load_balancing_policies.random",
													typed_config: any("envoy.extensions.load_balancing_policies.random.v3.Random"),
												},
											},
										],
									},
								}),
							},
						},
					],
				},
			},
		].map((one) => JSON.parse(JSON.stringify(one)) as JsonObject);
		const questions: Record<string, JsonObject> = {
			v1: wants({ version: "1" }),
			v9: wants({ version: "9" }),
			both: wants({ version: "2", stage: "prod" }),
			mixed: wants({ version: "1", stage: "dev" }),
			odd: wants({ other: "x" }),
			more: wants({ version: "2", stage: "prod", other: "x" }),
			number: wants({ n: 5 }),
			bool: wants({ on: true }),
			list: wants({ version: ["1", "2"] }),
			v2: wants({ version: "2" }),
			fallbacks: wants({ fallback_list: [{ version: "9" }, { version: "3" }] }),
			nothing: {},
		};
		const routes = clusters.flatMap(({ name }) =>
			Object.entries(questions).map(([question, action]) => to(String(name), `/${name}/${question}`, action)),
		);
		const weighted = (name: string, fields: JsonObject): JsonObject => ({ name, weight: 1, ...wants(fields) });
		routes.push({
			match: { prefix: "/weighted" },
			route: { ...wants({ version: "2" }), weighted_clusters: { clusters: [weighted("plain", { stage: "prod" })] } },
		});
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		...["v1", "v9", "both", "mixed", "odd", "more", "number", "bool", "nothing"].map((question) =>
			asked(`no fallback: ${question}`, `/plain/${question}`),
		),
		...["v9", "odd", "nothing"].flatMap((question) =>
			["any", "default", "default-missing", "panic-any"].map((name) =>
				asked(`${name}: ${question}`, `/${name}/${question}`),
			),
		),
		...["none", "any", "default", "keys"].flatMap((kind) =>
			["mixed", "both", "v9"].map((question) =>
				asked(`selector ${kind}: ${question}`, `/selector-${kind}/${question}`),
			),
		),
		asked("a list stands for each of its values", "/lists/v1"),
		asked("a list and a value", "/lists/v2"),
		asked("a list as a whole", "/lists-whole/list"),
		asked("a list as a whole is no value", "/lists-whole/v1"),
		asked("single hosts", "/single/v1"),
		asked("a single host that is sick", "/single/v2"),
		asked("single hosts, none", "/single/v9"),
		asked("a sick subset", "/sick/v1"),
		asked("fallback list", "/fallback-list/fallbacks"),
		asked("fallback list without a list", "/fallback-list/v1"),
		asked("a typed policy with redundant keys", "/typed/more"),
		asked("a typed policy", "/typed/v1"),
		asked("a weighted cluster adds to its route", "/weighted"),
	],
});
