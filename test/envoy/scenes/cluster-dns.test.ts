import { after } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { any, httpListener, socketAddress, to } from "../harness/bootstrap-parts.ts";
import { DnsServer } from "../harness/dns-server.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";
import { spread } from "./spread-parts.ts";

/** Both proxies have started by then. */
const SWITCH_MS = 4000;

const server = new DnsServer({
	"one.test": { a: ["127.0.2.1"] },
	"two.test": { a: ["127.0.2.1", "127.0.2.2"] },
	"six.test": { aaaa: ["::1"] },
	"both.test": { a: ["127.0.2.1"], aaaa: ["::1"] },
	"none.test": {},
	"fails.test": { code: 2 },
	"silent.test": { silent: true },
	"moves.test": { changes: { from: { a: ["127.0.2.1"] }, to: { a: ["127.0.2.2"] }, afterMs: SWITCH_MS } },
	"goes.test": { changes: { from: { a: ["127.0.2.1"] }, to: {}, afterMs: SWITCH_MS } },
	"breaks.test": { changes: { from: { a: ["127.0.2.1"] }, to: { code: 2 }, afterMs: SWITCH_MS } },
	"comes.test": { changes: { from: { code: 2 }, to: { a: ["127.0.2.1"] }, afterMs: SWITCH_MS } },
	"ttl-short.test": {
		changes: { from: { a: ["127.0.2.1"], ttlS: 1 }, to: { a: ["127.0.2.2"], ttlS: 60 }, afterMs: SWITCH_MS },
	},
	"ttl-long.test": {
		changes: { from: { a: ["127.0.2.1"], ttlS: 60 }, to: { a: ["127.0.2.2"], ttlS: 60 }, afterMs: SWITCH_MS },
	},
	"six-fails.test": { a: ["127.0.2.1"] },
	"upper.test": { a: ["127.0.2.1"] },
});
const port = await server.listen();
after(() => server.close());

const UPDATES = (name: string) => [new RegExp(`cluster\\.${name}\\.(membership_.*)`)];

/** Waits first: names change meanwhile. */
function later(name: string, path: string, ms: number, more: Partial<Case> = {}): Case {
	const base = spread(name, path, 4, more);
	return { ...base, send: [{ pauseMs: ms }, ...Array.from({ length: 4 }, () => ({ path }))] } as Case;
}

scene("names", {
	sharedUpstreams: true,
	// The three listen on one port each; clusters name the port of the first for all.
	upstreams: {
		first: http1({ address: "127.0.2.1" }),
		second: http1({ address: "127.0.2.2" }),
		six: http1({ address: "::1" }),
	},
	bootstrap: (at) => {
		const resolver = (more: JsonObject = {}): JsonObject => ({
			typed_dns_resolver_config: {
				name: "envoy.network.dns_resolver.cares",
				typed_config: any("envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig", {
					resolvers: [socketAddress(port)],
					query_timeout_seconds: 1,
					query_tries: 1,
					...more,
				}),
			},
		});
		const endpoint = (word: string): JsonObject => {
			const [host, upstream = "first"] = word.split("/");
			return { endpoint: { address: socketAddress(at.port(upstream), host) } };
		};
		const make = (name: string, hosts: string, more: JsonObject = {}): JsonObject => ({
			name,
			type: "STRICT_DNS",
			connect_timeout: "0.5s",
			dns_lookup_family: "V4_ONLY",
			...resolver(),
			load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: hosts.split(" ").map(endpoint) }] },
			...more,
		});
		const fast = {
			dns_refresh_rate: "0.1s",
			dns_failure_refresh_rate: { base_interval: "0.1s", max_interval: "0.1s" },
		};
		const dnsCluster = (value: JsonObject): JsonObject => ({
			type: undefined as never,
			typed_dns_resolver_config: undefined as never,
			dns_lookup_family: undefined as never,
			cluster_type: {
				name: "envoy.cluster.dns",
				typed_config: any("envoy.extensions.clusters.dns.v3.DnsCluster", {
					...(resolver() as JsonObject),
					dns_lookup_family: "V4_ONLY",
					...value,
				}),
			},
		});
		const clusters = [
			make("one", "one.test"),
			make("ip", "127.0.2.1"),
			make("upper", "UPPER.test"),
			make("two", "two.test"),
			make("two-logical", "two.test", { type: "LOGICAL_DNS" }),
			make("several", "one.test two.test/second"),
			make("none", "none.test"),
			make("unknown", "unknown.test"),
			make("fails", "fails.test"),
			make("silent", "silent.test", { wait_for_warm_on_init: false }),
			make("none-beside", "none.test one.test"),
			make("six", "six.test/six", { dns_lookup_family: "V6_ONLY" }),
			make("six-wanted", "one.test", { dns_lookup_family: "V6_ONLY" }),
			make("auto", "both.test/six", { dns_lookup_family: "AUTO" }),
			make("auto-falls-back", "one.test", { dns_lookup_family: "AUTO" }),
			make("preferred", "both.test", { dns_lookup_family: "V4_PREFERRED" }),
			make("preferred-falls-back", "six.test/six", { dns_lookup_family: "V4_PREFERRED" }),
			make("all", "both.test", { dns_lookup_family: "ALL" }),
			make("moves", "moves.test", fast),
			make("moves-logical", "moves.test", { type: "LOGICAL_DNS", ...fast }),
			make("goes", "goes.test", fast),
			make("goes-logical", "goes.test", { type: "LOGICAL_DNS", ...fast }),
			make("breaks", "breaks.test", fast),
			make("comes", "comes.test", fast),
			make("ttl-short", "ttl-short.test", { respect_dns_ttl: true, dns_refresh_rate: "60s" }),
			make("ttl-long", "ttl-long.test", { respect_dns_ttl: true, dns_refresh_rate: "0.1s" }),
			make("typed", "two.test", dnsCluster({})),
			make("typed-logical", "two.test", dnsCluster({ all_addresses_in_single_endpoint: true })),
			make("older", "one.test", {
				typed_dns_resolver_config: undefined as never,
				dns_resolvers: [socketAddress(port)],
			}),
			make("old", "one.test", {
				typed_dns_resolver_config: undefined as never,
				dns_resolution_config: {
					resolvers: [socketAddress(port)],
					dns_resolver_options: { no_default_search_domain: true },
				},
			}),
			make("system", "localhost", { typed_dns_resolver_config: undefined as never }),
			make("hosts", "localhost"),
			make("getaddrinfo", "localhost", {
				typed_dns_resolver_config: {
					name: "envoy.network.dns_resolver.getaddrinfo",
					typed_config: any("envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig"),
				},
			}),
			make("host-rewrite", "one.test"),
		].map((cluster) => JSON.parse(JSON.stringify(cluster)) as JsonObject);
		const rewriting: Record<string, JsonObject> = { "host-rewrite": { auto_host_rewrite: true } };
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`, rewriting[String(name)] ?? {}));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		spread("before names change", "/moves/", 2),
		spread("before names break", "/breaks/", 2),
		later("moving", "/moves/", 4200, { counters: UPDATES("moves") }),
		later("moving, logical", "/moves-logical/", 10),
		later("going", "/goes/", 10, { counters: UPDATES("goes") }),
		later("going, logical", "/goes-logical/", 10),
		later("breaking", "/breaks/", 10, { counters: UPDATES("breaks") }),
		later("coming", "/comes/", 10),
		later("a short time to live", "/ttl-short/", 1000),
		later("a long time to live", "/ttl-long/", 10),
		...["one", "ip", "upper", "two", "two-logical", "several", "none", "unknown", "fails", "silent", "none-beside"].map(
			(name) => spread(name, `/${name}/`, 6),
		),
		...["six", "six-wanted", "auto", "auto-falls-back", "preferred", "preferred-falls-back", "all"].map((name) =>
			spread(name, `/${name}/`, 4),
		),
		...["typed", "typed-logical", "older", "old"].map((name) => spread(name, `/${name}/`, 4)),
		...["system", "hosts", "getaddrinfo"].map((name) => spread(name, `/${name}/`, 2)),
		{ name: "the name for the endpoint", send: { path: "/host-rewrite/" } },
	],
});
