import { httpListener, says } from "../harness/bootstrap-parts.ts";
import type { Case } from "../harness/scene.ts";
import { scene } from "../harness/scene.ts";

const host = (name: string, domains: readonly string[], more = {}) => ({
	name,
	domains: [...domains],
	routes: [says({ prefix: "/" }, name)],
	...more,
});

const VIRTUAL_HOSTS = [
	host("exact", ["exact.test"]),
	host("exact with port", ["exact.test:8080"]),
	host("suffix", ["*.suffix.test"]),
	host("longer suffix", ["*.longer.suffix.test"]),
	host("suffix without dot", ["*-suffix.test"]),
	host("prefix", ["prefix.*"]),
	host("longer prefix", ["prefix.longer.*"]),
	host("v6", ["[2001:db8::1]"]),
	host("v6 with port", ["[2001:db8::1]:8080"]),
	host("upper", ["UPPER.test"]),
	host("needs tls", ["tls.test"], { require_tls: "ALL" }),
	host("needs tls outside", ["outside.test"], { require_tls: "EXTERNAL_ONLY" }),
	host("underscore", ["under_score.test"]),
];

const cases = (hosts: readonly string[]): Case[] => [
	...hosts.map((name) => ({ name: `host ${name}`, send: `GET /a?b HTTP/1.1\r\nhost: ${name}\r\n\r\n` })),
];

const HOSTS = [
	...["exact.test", "EXACT.test", "exact.test.", "exact.test:8080", "exact.test:80", "a.exact.test", "xexact.test"],
	...["a.suffix.test", "a.b.suffix.test", "suffix.test", ".suffix.test", "a.longer.suffix.test", "a-suffix.test"],
	...["prefix.a", "prefix.", "prefix", "prefix.longer.a", "prefix.a:8080", "PREFIX.A", "prefix.suffix.test"],
	...["[2001:db8::1]", "[2001:db8::1]:8080", "[2001:db8::1]:80", "[2001:DB8::1]", "upper.test", "UPPER.TEST"],
	...["tls.test", "tls.test:8080", "outside.test", "under_score.test", "nowhere.test", "10.0.0.1", "10.0.0.1:80"],
];

scene("domains", {
	bootstrap: () => ({ static_resources: { listeners: [httpListener({ virtualHosts: VIRTUAL_HOSTS })] } }),
	cases: [
		...cases(HOSTS),
		{
			name: "an internal client of a host that needs TLS outside",
			send: { headers: { host: "outside.test", "x-forwarded-for": "10.0.0.1" } },
		},
		{
			name: "an outer client that came by TLS",
			send: { headers: { host: "outside.test", "x-forwarded-proto": "https", "x-forwarded-for": "1.2.3.4" } },
		},
	],
});

scene("domains with a default, ports ignored", {
	bootstrap: () => ({
		static_resources: {
			listeners: [
				httpListener({
					virtualHosts: [...VIRTUAL_HOSTS.filter(({ name }) => !name.includes("port")), host("all", ["*"])],
					routeConfig: { ignore_port_in_host_matching: true },
				}),
			],
		},
	}),
	cases: [
		...cases(HOSTS),
		{ name: "no host at all", send: "GET / HTTP/1.1\r\n\r\n" },
		{ name: "an empty host", send: "GET / HTTP/1.1\r\nhost:\r\n\r\n", differs: "empty-authority" },
	],
});

scene("domains read from another header", {
	bootstrap: () => ({
		static_resources: {
			listeners: [httpListener({ virtualHosts: VIRTUAL_HOSTS, routeConfig: { vhost_header: "x-host" } })],
		},
	}),
	cases: [
		{ name: "the header decides", send: { headers: { "x-host": "exact.test" } } },
		{ name: "without it nothing matches", send: { headers: { host: "exact.test" } } },
	],
});
