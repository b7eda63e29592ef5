import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { fieldPath } from "../../../lib/field-path.ts";
import type { Problem } from "../../../lib/problem.ts";
import { FilterChainMatchSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import { ChainIndex, type MatchedConnection } from "./chain-index.ts";
import { parseChainMatch } from "./parse-chain-match.ts";

const PLAIN: MatchedConnection = {
	localIp: "10.0.0.1",
	localPort: 443,
	remoteIp: "192.0.2.1",
	sourceIp: "192.0.2.1",
	sourcePort: 5000,
	requestedServerName: undefined,
	transportProtocol: "raw_buffer",
	offeredProtocols: [],
};

function parse(match: JsonObject, problems: Problem[] = []) {
	return parseChainMatch(fromJson(FilterChainMatchSchema, match), fieldPath("m"), problems);
}

function index(chains: Readonly<Record<string, JsonObject>>): ChainIndex<string> {
	const made = new ChainIndex<string>();
	for (const [name, match] of Object.entries(chains)) assert.ok(made.add(parse(match), name), name);
	return made;
}

const cidr = (prefix: string, length: number): JsonObject => ({ address_prefix: prefix, prefix_len: length });

function picks(chains: Readonly<Record<string, JsonObject>>, ...connections: Partial<MatchedConnection>[]) {
	const made = index(chains);
	return connections.map((change) => made.pick({ ...PLAIN, ...change }));
}

test("the port is asked first: a chain for it hides those for every port, even when it does not fit otherwise", () => {
	const chains = { port: { destination_port: 443, server_names: ["a.example"] }, every: {} };
	assert.deepEqual(
		picks(chains, { requestedServerName: "a.example" }, {}, { localPort: 80 }, { localIp: "", localPort: 443 }),
		["port", undefined, "every", "every"],
	);
});

test("the longest destination range wins; a Unix socket fits only chains without one", () => {
	const chains = {
		wide: { prefix_ranges: [cidr("10.0.0.0", 8)] },
		narrow: { prefix_ranges: [cidr("10.0.0.1", 32), cidr("fd00::", 8)] },
		none: {},
	};
	const local = (localIp: string) => ({ localIp });
	assert.deepEqual(picks(chains, local("10.0.0.1"), local("10.9.9.9"), local("fd00::1"), local("9.9.9.9"), local("")), [
		"narrow",
		"wide",
		"narrow",
		"none",
		"none",
	]);
});

test("server names: exact, then the nearest wildcard, then any; no way back afterwards", () => {
	const chains = {
		exact: { server_names: ["WWW.example.com"] },
		near: { server_names: ["*.example.com"], transport_protocol: "tls" },
		far: { server_names: ["*.com"] },
		any: {},
	};
	const sni = (requestedServerName: string, transportProtocol = "tls") => ({ requestedServerName, transportProtocol });
	assert.deepEqual(
		picks(
			chains,
			sni("www.example.com"),
			sni("a.b.example.com"),
			sni("example.com"),
			sni("other.org"),
			sni("x.example.com", "raw_buffer"),
			sni(".com"),
		),
		["exact", "near", "far", "any", undefined, "far"],
	);
});

test("transport and application protocols: the first that the client offers and a chain asks for", () => {
	const chains = {
		h2: { transport_protocol: "tls", application_protocols: ["h2", "istio-h2"] },
		http: { transport_protocol: "tls", application_protocols: ["http/1.1"] },
		tls: { transport_protocol: "tls" },
		plainHttp: { transport_protocol: "raw_buffer", application_protocols: ["http/1.1", "h2c"] },
	};
	const tls = (...offeredProtocols: string[]) => ({ transportProtocol: "tls", offeredProtocols });
	assert.deepEqual(
		picks(chains, tls("http/1.1", "h2"), tls("x", "h2"), tls("x"), tls(), {}, { offeredProtocols: ["h2c"] }),
		["http", "h2", "tls", "tls", undefined, "plainHttp"],
	);
});

test("sources: direct ranges, kind of source, ranges, ports", () => {
	const chains = {
		lan: { direct_source_prefix_ranges: [cidr("192.0.2.0", 24)], source_type: "EXTERNAL" },
		lanLocal: { direct_source_prefix_ranges: [cidr("192.0.2.0", 24)], source_type: "SAME_IP_OR_LOOPBACK" },
		port: { source_ports: [7, 8], source_prefix_ranges: [cidr("198.51.100.0", 24)] },
		range: { source_prefix_ranges: [cidr("198.51.0.0", 16)] },
	};
	const from = (sourceIp: string, sourcePort = 1, remoteIp = sourceIp) => ({ sourceIp, sourcePort, remoteIp });
	assert.deepEqual(
		picks(
			chains,
			from("203.0.113.9", 1, "192.0.2.9"),
			from("127.0.0.1", 1, "192.0.2.9"),
			from("10.0.0.1", 1, "192.0.2.9"),
			from("198.51.100.4", 8),
			from("198.51.100.4", 9),
			from("198.51.1.1"),
			from("8.8.8.8"),
		),
		["lan", "lanLocal", "lanLocal", "port", undefined, "range", undefined],
	);
});

test("criteria that overlap in one value of each list are told", () => {
	const made = index({
		a: { server_names: ["a", "b"], source_ports: [1, 2] },
		b: { server_names: ["a"], source_ports: [3] },
	});
	assert.equal(made.add(parse({ server_names: ["c", "b"], source_ports: [2] }), "c"), false);
	assert.equal(made.add(parse({ server_names: ["A"], source_ports: [4] }), "d"), true);
});

test("wrong values are told by their path", () => {
	const problems: Problem[] = [];
	parse({ server_names: ["ok", "*", "a*.b"], prefix_ranges: [cidr("x", 8)] }, problems);
	assert.deepEqual(
		problems.map(({ code, path }) => `${code} ${path}`),
		["LTN3114 m.server_names[1]", "LTN3114 m.server_names[2]", "LTN3114 m.prefix_ranges[0].address_prefix"],
	);
});

test("a chain that asks for nothing takes what no other takes, whatever comes", () => {
	const made = index({ any: {} });
	const anyConnection = fc.record({
		localIp: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("")),
		localPort: fc.nat(65_535),
		requestedServerName: fc.option(fc.string(), { nil: undefined }),
		offeredProtocols: fc.array(fc.string()),
		remoteIp: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("")),
	});
	fc.assert(fc.property(anyConnection, (change) => made.pick({ ...PLAIN, ...change }) === "any"));
});
