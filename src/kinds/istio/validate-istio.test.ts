import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProblem } from "../../lib/problem.ts";
import type { KubeObject } from "../object.ts";
import { validateIstio } from "./validate-istio.ts";

type Json = Record<string, unknown>;

function object(kind: string, spec: Json, metadata: Json = {}): KubeObject {
	const group = ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"].includes(kind)
		? "security.istio.io/v1"
		: kind === "Telemetry"
			? "telemetry.istio.io/v1"
			: kind === "EnvoyFilter"
				? "networking.istio.io/v1alpha3"
				: "networking.istio.io/v1";
	return { apiVersion: group, kind, metadata: { name: "x", namespace: "default", ...metadata }, spec };
}

/** Codes and places of the errors, and of the warnings. */
function found(kind: string, spec: Json, strict = false) {
	const { errors, warnings } = validateIstio(object(kind, spec), { strict });
	const brief = (list: typeof errors) => list.map(({ code, path }) => `${code} ${path}`);
	return { errors: brief(errors), warnings: brief(warnings) };
}

const clean = { errors: [], warnings: [] };
const to = (host: string, weight?: number) => ({ destination: { host }, ...(weight === undefined ? {} : { weight }) });
const vs = (...http: Json[]) => ({ hosts: ["reviews"], http });

test("an ordinary VirtualService is fine", () => {
	const match = [{ headers: { cookie: { regex: "^(.*?;)?(user=jason)(;.*)?$" } } }];
	assert.deepEqual(
		found("VirtualService", vs({ match, route: [to("reviews", 90), to("ratings", 10)] }, { route: [to("reviews")] })),
		clean,
	);
});

test("several destinations without weights are taken with a warning, refused when strict", () => {
	const spec = vs({ route: [to("a"), to("b")] });
	assert.deepEqual(found("VirtualService", spec), { errors: [], warnings: ["LTN1307 spec.http[0].route"] });
	const { errors } = validateIstio(object("VirtualService", spec), { strict: true });
	assert.equal(errors[0]?.message, "total destination weight = 0");
});

test("weights of zero are refused, negative ones too, one zero among others not", () => {
	assert.deepEqual(found("VirtualService", vs({ route: [to("a", 0), to("b", 0)] })).errors, [
		"LTN1307 spec.http[0].route",
	]);
	assert.deepEqual(found("VirtualService", vs({ route: [to("a", -1), to("b", 5)] })).errors, [
		"LTN1307 spec.http[0].route[0].weight",
	]);
	assert.deepEqual(found("VirtualService", vs({ route: [to("a", 0), to("b", 5)] })), clean);
});

test("unknown fields are refused, with a hint where one is known", () => {
	const spec = { name: "foo.com", trafficPolicy: { tls: { mode: "DISABLE" } } };
	const { errors } = validateIstio(object("DestinationRule", spec), { strict: false });
	assert.deepEqual(errors.map(formatProblem), [
		'LTN1010 spec.name: unknown field "spec.name". The service is named by spec.host.',
		"LTN1001 spec.host: a value is required.",
	]);
	const typo = validateIstio(object("VirtualService", vs({ rout: [to("a")], route: [to("a")] })), { strict: false });
	assert.equal(typo.errors[0]?.fix, "did you mean route");
});

test("two kinds of match in one test are refused by the schema", () => {
	const match = [{ uri: { exact: "/a", prefix: "/b" } }];
	assert.deepEqual(found("VirtualService", vs({ match, route: [to("a")] })).errors, [
		"LTN1002 spec.http[0].match[0].uri",
	]);
});

test("hosts of a VirtualService", () => {
	const http = [{ route: [to("a")] }];
	const hosts = (...list: string[]) => found("VirtualService", { hosts: list, http }).errors;
	assert.deepEqual(hosts("*"), ["LTN1101 spec.hosts[0]"]);
	assert.deepEqual(hosts("10.0.0.0/24"), ["LTN1101 spec.hosts[0]"]);
	assert.deepEqual(hosts("10.0.0.1"), []);
	assert.deepEqual(hosts("*.foo.com", "a.foo.com"), ["LTN1303 spec.hosts[1]"]);
	assert.deepEqual(found("VirtualService", { hosts: ["*"], gateways: ["gw"], http }).errors, []);
	assert.deepEqual(found("VirtualService", { hosts: ["a"] }).errors, ["LTN1301 spec"]);
	assert.deepEqual(found("VirtualService", { gateways: ["gw"], http }).errors, ["LTN1302 spec.gateways"]);
	assert.deepEqual(found("VirtualService", { hosts: [], http }).errors, ["LTN1302 spec.hosts"]);
	assert.deepEqual(found("VirtualService", { http }).errors, []);
});

test("gateway names", () => {
	const gateway = (name: string) =>
		found("VirtualService", { hosts: ["a.com"], gateways: [name], http: [{ route: [to("a")] }] });
	assert.deepEqual(gateway("ns/gw"), clean);
	assert.deepEqual(gateway("a/b/c").errors, ["LTN1304 spec.gateways[0]"]);
	assert.deepEqual(gateway("gw.ns.svc.cluster.local").warnings, ["LTN1304 spec.gateways[0]"]);
});

test("a rule does one thing", () => {
	assert.deepEqual(found("VirtualService", vs({ match: [{ uri: { prefix: "/" } }] })).errors, ["LTN1305 spec.http[0]"]);
	assert.deepEqual(found("VirtualService", vs({ route: [to("a")], redirect: { uri: "/b" } })).errors, [
		"LTN1306 spec.http[0]",
	]);
	assert.deepEqual(found("VirtualService", vs({ redirect: { redirectCode: 404, uri: "/b" } })).errors, [
		"LTN1112 spec.http[0].redirect.redirectCode",
	]);
	assert.deepEqual(found("VirtualService", vs({ redirect: {} })).errors, ["LTN1310 spec.http[0].redirect"]);
});

test("timeouts, retries and faults", () => {
	const rule = (more: Json) => found("VirtualService", vs({ route: [to("a")], ...more })).errors;
	assert.deepEqual(rule({ timeout: "1s" }), []);
	assert.deepEqual(rule({ timeout: "0s" }), ["LTN1103 spec.http[0].timeout"]);
	assert.deepEqual(rule({ timeout: "1.0005s" }), ["LTN1103 spec.http[0].timeout"]);
	assert.deepEqual(rule({ retries: { attempts: 3, retryOn: "5xx,503,connect-failure" } }), []);
	assert.deepEqual(rule({ retries: { attempts: 3, retryOn: "5xx, reset" } }), ["LTN1313 spec.http[0].retries.retryOn"]);
	assert.deepEqual(rule({ retries: { attempts: 0, perTryTimeout: "1s" } }), ["LTN1313 spec.http[0].retries"]);
	assert.deepEqual(rule({ retries: { attempts: 0 } }), []);
	assert.deepEqual(rule({ fault: {} }), ["LTN1314 spec.http[0].fault"]);
	assert.deepEqual(rule({ fault: { abort: { httpStatus: 700 } } }), ["LTN1112 spec.http[0].fault.abort.httpStatus"]);
	assert.deepEqual(rule({ fault: { abort: { grpcStatus: "BROKEN" } } }), [
		"LTN1314 spec.http[0].fault.abort.grpcStatus",
	]);
	assert.deepEqual(rule({ fault: { delay: { fixedDelay: "5s", percentage: { value: 101 } } } }), [
		"LTN1108 spec.http[0].fault.delay.percentage",
	]);
});

test("header operations", () => {
	const rule = (headers: Json) => found("VirtualService", vs({ route: [to("a")], headers })).errors;
	assert.deepEqual(rule({ request: { set: { "x-a": "%REQ(x-b)%", Host: "a.com" }, remove: ["x-c"] } }), []);
	assert.deepEqual(rule({ response: { set: { Host: "a" } } }), ["LTN1109 spec.http[0].headers.response.set[Host]"]);
	assert.deepEqual(rule({ request: { add: { "x-a": "100%" } } }), ["LTN1109 spec.http[0].headers.request.add[x-a]"]);
	assert.deepEqual(rule({ request: { remove: [":path"] } }), ["LTN1109 spec.http[0].headers.request.remove[0]"]);
});

test("regular expressions are RE2's", () => {
	const match = (regex: string) =>
		found("VirtualService", vs({ match: [{ uri: { regex } }], route: [to("a")] })).errors;
	assert.deepEqual(match("^/v[0-9]+"), []);
	assert.deepEqual(match("(?!x)y"), ["LTN1107 spec.http[0].match[0].uri.regex"]);
	assert.deepEqual(match("("), ["LTN1107 spec.http[0].match[0].uri.regex"]);
});

test("rules and matches that get nothing are warned of", () => {
	const catchAll = { route: [to("a")] };
	assert.deepEqual(found("VirtualService", vs(catchAll, catchAll)).warnings, ["LTN1317 spec.http[1]"]);
	const prefix = (text: string, more: Json = {}) => ({ match: [{ uri: { prefix: text }, ...more }], route: [to("a")] });
	assert.deepEqual(found("VirtualService", vs(prefix("/api"), prefix("/api/v2"))).warnings, [
		"LTN1318 spec.http[1].match[0]",
	]);
	assert.deepEqual(found("VirtualService", vs(prefix("/api/v2"), prefix("/api"))), clean);
	assert.deepEqual(found("VirtualService", vs(prefix("/api", { method: { exact: "GET" } }), prefix("/api/v2"))), clean);
});

test("tls rules need server names within the hosts", () => {
	const tls = (sniHosts: string[]) =>
		found("VirtualService", { hosts: ["*.a.com"], tls: [{ match: [{ sniHosts }], route: [to("b")] }] }).errors;
	assert.deepEqual(tls(["x.a.com"]), []);
	assert.deepEqual(tls(["x.b.com"]), ["LTN1316 spec.tls[0].match[0].sniHosts[0]"]);
	assert.deepEqual(tls([]), ["LTN1316 spec.tls[0].match[0].sniHosts"]);
});

test("subsets are named once", () => {
	const subsets = [{ name: "v1" }, { name: "v2" }, { name: "v2" }];
	const { errors } = validateIstio(object("DestinationRule", { host: "reviews", subsets }), { strict: false });
	assert.deepEqual(errors.map(formatProblem), [
		'LTN1204 spec.subsets[2].name: subset "v2" is defined twice. Rename or delete one.',
	]);
});

test("traffic policies", () => {
	const policy = (trafficPolicy: Json) => found("DestinationRule", { host: "a", trafficPolicy });
	assert.deepEqual(policy({ loadBalancer: { simple: "ROUND_ROBIN" } }), clean);
	assert.deepEqual(policy({}).errors, ["LTN1201 spec.trafficPolicy"]);
	assert.deepEqual(policy({ loadBalancer: { simple: "LEAST_CONN" } }).errors, []);
	assert.deepEqual(policy({ loadBalancer: { simple: "FASTEST" } }).errors, [
		"LTN1003 spec.trafficPolicy.loadBalancer.simple",
	]);
	assert.deepEqual(policy({ outlierDetection: { consecutiveErrors: 5 } }), {
		errors: [],
		warnings: ["LTN1116 spec.trafficPolicy.outlierDetection.consecutiveErrors"],
	});
	assert.deepEqual(policy({ outlierDetection: { maxEjectionPercent: 101 } }).errors, [
		"LTN1112 spec.trafficPolicy.outlierDetection.maxEjectionPercent",
	]);
	assert.deepEqual(policy({ tls: { mode: "MUTUAL" } }).errors, [
		"LTN1209 spec.trafficPolicy.tls.clientCertificate",
		"LTN1209 spec.trafficPolicy.tls.privateKey",
	]);
	assert.deepEqual(
		policy({ loadBalancer: { consistentHash: { httpHeaderName: "a", maglev: { tableSize: 100 } } } }).errors,
		["LTN1208 spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize"],
	);
	const cookie = { name: "user", ttl: "3600s", attributes: [{ name: "HttpOnly" }] };
	assert.deepEqual(policy({ loadBalancer: { consistentHash: { httpCookie: cookie } } }), clean);
});

test("gateway servers", () => {
	const server = (more: Json) =>
		found("Gateway", { servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"], ...more }] });
	assert.deepEqual(server({}), clean);
	assert.deepEqual(server({ hosts: ["bookinfo"] }).errors, ["LTN1403 spec.servers[0].hosts[0]"]);
	assert.deepEqual(server({ hosts: ["./*.foo.com", "ns/bar.com"] }), clean);
	assert.deepEqual(server({ port: { number: 443, name: "https", protocol: "HTTPS" } }).errors, [
		"LTN1405 spec.servers[0].tls",
	]);
	assert.deepEqual(server({ port: { number: 80, name: "x", protocol: "SMTP" } }).errors, [
		"LTN1404 spec.servers[0].port.protocol",
	]);
	assert.deepEqual(server({ tls: { httpsRedirect: true } }), clean);
	const tls = { mode: "SIMPLE", serverCertificate: "/a", privateKey: "/b" };
	assert.deepEqual(server({ port: { number: 443, name: "https", protocol: "HTTPS" }, tls }), clean);
	assert.deepEqual(found("Gateway", {}).errors, ["LTN1401 spec.servers"]);
});

test("service entries", () => {
	const entry = (more: Json) =>
		found("ServiceEntry", { hosts: ["foo.com"], ports: [{ number: 80, name: "http", protocol: "HTTP" }], ...more });
	assert.deepEqual(entry({}), clean);
	assert.deepEqual(entry({ ports: [{ number: 80, name: "http", protocol: "http" }] }), clean);
	assert.deepEqual(entry({ hosts: ["*"] }).errors, ["LTN1651 spec.hosts[0]"]);
	assert.deepEqual(entry({ endpoints: [{ address: "1.1.1.1" }] }).errors, ["LTN1654 spec.endpoints"]);
	assert.deepEqual(entry({ resolution: "STATIC", endpoints: [{ address: "a.com" }] }).errors, [
		"LTN1655 spec.endpoints[0].address",
	]);
	assert.deepEqual(entry({ resolution: "DNS", hosts: ["*.foo.com"] }).errors, ["LTN1656 spec.hosts[0]"]);
	assert.deepEqual(entry({ resolution: "DNS", addresses: ["10.0.0.0/8"] }).errors, ["LTN1111 spec.addresses[0]"]);
	assert.deepEqual(entry({ hosts: [] }).errors.slice(0, 1), ["LTN1002 spec.hosts"]);
});

test("workloads, sidecars", () => {
	assert.deepEqual(found("WorkloadEntry", { address: "10.0.0.1", labels: { app: "vm" } }), clean);
	assert.deepEqual(found("WorkloadEntry", {}).errors, ["LTN1601 spec.address"]);
	assert.deepEqual(found("Sidecar", {}).errors, ["LTN1701 spec"]);
	assert.deepEqual(found("Sidecar", { egress: [{ hosts: ["./*", "istio-system/*"] }] }), clean);
	assert.deepEqual(found("Sidecar", { egress: [{ hosts: ["reviews"] }] }).errors, ["LTN1706 spec.egress[0].hosts[0]"]);
});

test("security kinds", () => {
	assert.deepEqual(found("PeerAuthentication", { mtls: { mode: "STRICT" } }), clean);
	assert.deepEqual(found("PeerAuthentication", { portLevelMtls: { 80: { mode: "DISABLE" } } }).errors, [
		"LTN1902 spec.portLevelMtls",
	]);
	assert.deepEqual(found("AuthorizationPolicy", {}), clean);
	assert.deepEqual(found("AuthorizationPolicy", { action: "DENY" }).errors, ["LTN1904 spec.rules"]);
	const when = (key: string) => found("AuthorizationPolicy", { rules: [{ when: [{ key, values: ["x"] }] }] }).errors;
	assert.deepEqual(when("request.headers[x-token]"), []);
	assert.deepEqual(when("destination.namespace"), ["LTN1907 spec.rules[0].when[0].key"]);
	assert.deepEqual(found("RequestAuthentication", { jwtRules: [{ issuer: "a", jwksUri: "ftp://x" }] }).errors, [
		"LTN1903 spec.jwtRules[0].jwksUri",
	]);
	assert.deepEqual(found("Telemetry", { tracing: [{ randomSamplingPercentage: 200 }] }).errors, [
		"LTN1112 spec.tracing[0].randomSamplingPercentage",
	]);
});

test("annotations of the control plane are refused", () => {
	const annotated = object("Gateway", { servers: [] }, { annotations: { "istio.io/dry-run": "true" } });
	assert.ok(validateIstio(annotated, { strict: false }).errors.some(({ code }) => code === "LTN1110"));
});

test("kinds of the old API are unknown", () => {
	const old = { ...object("RouteRule", {}), apiVersion: "config.istio.io/v1alpha2" };
	assert.equal(validateIstio(old, { strict: false }).errors[0]?.code, "LTN1011");
});
