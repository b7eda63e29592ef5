import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const weighted = (clusters: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
	weighted_clusters: { clusters: [...clusters], ...more },
});

scene("clusters of routes", {
	upstreams: { a: http1(), b: http1(), mirror: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						{
							match: { prefix: "/all-a/" },
							route: weighted([
								{ name: "a", weight: 1 },
								{ name: "b", weight: 0 },
							]),
						},
						{
							match: { prefix: "/by-header/" },
							route: weighted(
								[
									{ name: "a", weight: 50 },
									{ name: "b", weight: 50 },
								],
								{ header_name: "x-draw" },
							),
						},
						{
							match: { prefix: "/named/" },
							route: weighted([{ cluster_header: "x-cluster", weight: 1 }]),
						},
						{ match: { prefix: "/cluster-header/" }, route: { cluster_header: "X-Cluster" } },
						{ match: { prefix: "/authority/" }, route: { cluster_header: ":authority" } },
						to("a", "/mirrored/", { request_mirror_policies: [{ cluster: "mirror" }] }),
						to("a", "/mirrored-exact/", {
							request_mirror_policies: [{ cluster: "mirror", disable_shadow_host_suffix_append: true }],
						}),
						to("a", "/mirrored-never/", {
							request_mirror_policies: [
								{ cluster: "mirror", runtime_fraction: { default_value: { numerator: 0 }, runtime_key: "k" } },
							],
						}),
						to("a", "/mirrored-nowhere/", { request_mirror_policies: [{ cluster: "nowhere" }] }),
						to("a", "/mirrored-by-header/", { request_mirror_policies: [{ cluster_header: "x-mirror" }] }),
						to("a", "/mirrored-rewritten/", {
							prefix_rewrite: "/new/",
							host_rewrite_literal: "new.test",
							request_mirror_policies: [{ cluster: "mirror" }],
						}),
					],
					routeConfig: { validate_clusters: false },
				}),
			],
			clusters: ["a", "b", "mirror"].map((name) => cluster(name, [at.port(name)])),
		},
	}),
	cases: [
		get("a weight of nothing", "/all-a/"),
		...["0", "49", "50", "99", "100", "18446744073709551615"].map(
			(value): Case => get(`drawn by the header ${value}`, "/by-header/", { "x-draw": value }),
		),
		get("a weighted cluster by header", "/named/", { "x-cluster": "b" }),
		get("a cluster by header", "/cluster-header/", { "x-cluster": "b" }),
		get("a cluster by host", "/authority/", { host: "b" }),
		get("a cluster by a header that is empty", "/cluster-header/", { "x-cluster": "" }),
		get("mirrored", "/mirrored/x?y", { "x-a": "1" }, { settleAfterMs: 40 }),
		get("mirrored with a port in the host", "/mirrored/", { host: "h.test:80" }, { settleAfterMs: 40 }),
		{
			name: "mirrored with a body",
			send: { method: "POST", path: "/mirrored/", body: "hello", chunked: true },
			settleAfterMs: 40,
		},
		get("mirrored under the same host", "/mirrored-exact/", {}, { settleAfterMs: 40 }),
		get("never mirrored", "/mirrored-never/", {}, { settleAfterMs: 20 }),
		get("mirrored to nobody", "/mirrored-nowhere/", {}, { settleAfterMs: 20 }),
		get("mirrored where a header says", "/mirrored-by-header/", { "x-mirror": "mirror" }, { settleAfterMs: 40 }),
		get("mirrored where no header says", "/mirrored-by-header/", {}, { settleAfterMs: 20 }),
		get("mirrored after rewrites", "/mirrored-rewritten/x", {}, { settleAfterMs: 40 }),
		get("a mirror that fails", "/mirrored/", {}, { answers: { mirror: [{ status: 500 }] }, settleAfterMs: 40 }),
		get(
			"a mirror that hangs up",
			"/mirrored/",
			{},
			{ answers: { mirror: [{ raw: "", finish: "reset" }] }, settleAfterMs: 40 },
		),
	],
});

const HASHES: Readonly<Record<string, readonly JsonObject[]>> = {
	header: [{ header: { header_name: "x-user" } }],
	rewritten: [
		{
			header: {
				header_name: "x-user",
				regex_rewrite: { pattern: { google_re2: {}, regex: "^(\\w+)-.*" }, substitution: "\\1" },
			},
		},
	],
	query: [{ query_parameter: { name: "u" } }],
	cookie: [{ cookie: { name: "session" } }],
	"made-cookie": [{ cookie: { name: "made", ttl: "60s", path: "/p" } }],
	address: [{ connection_properties: { source_ip: true } }],
	first: [{ header: { header_name: "x-user" }, terminal: true }, { query_parameter: { name: "u" } }],
	both: [{ header: { header_name: "x-user" } }, { query_parameter: { name: "u" } }],
	state: [{ filter_state: { key: "nothing" } }, { header: { header_name: "x-user" } }],
};
const USERS = ["jason", "mary", "ann-1", "ann-2", "x", "a much longer name of a user"];

scene("hash policies", {
	sharedUpstreams: true,
	upstreams: { h0: http1(), h1: http1(), h2: http1(), h3: http1(), h4: http1() },
	bootstrap: (at) => {
		const ports = [0, 1, 2, 3, 4].map((i) => at.port(`h${i}`));
		return {
			static_resources: {
				listeners: [
					httpListener({
						routes: ["ring", "maglev"].flatMap((policy) =>
							Object.entries(HASHES).map(([name, hash_policy]) =>
								to(policy, `/${policy}/${name}/`, { hash_policy: [...hash_policy] }),
							),
						),
					}),
				],
				clusters: [
					cluster("ring", ports, { lb_policy: "RING_HASH" }),
					cluster("maglev", ports, { lb_policy: "MAGLEV" }),
				],
			},
		};
	},
	cases: ["ring", "maglev"].flatMap((policy) =>
		Object.keys(HASHES)
			.filter((name) => name !== "made-cookie")
			.map(
				(name): Case => ({
					name: `${policy} by ${name}`,
					send: USERS.map((user) => ({
						path: `/${policy}/${name}/?u=${user.replaceAll(" ", "+")}`,
						headers: [
							["x-user", user],
							["cookie", `a=b; session=${user.replaceAll(" ", "_")}`],
						] as const,
					})),
					compare: ({ connections, upstreams }) => [connections, Object.keys(upstreams)],
				}),
			),
	),
});
