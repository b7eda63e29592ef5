import assert from "node:assert/strict";
import { test } from "node:test";
import { problem } from "../../lib/problem.ts";
import type { ProxyCheck } from "./proxy-check.ts";
import { bookinfo, rule } from "./testing/bookinfo.ts";
import { hostFor, routeLines } from "./testing/explain-routes.ts";
import { testProxy } from "./testing/test-proxy.ts";

const REVIEWS = "outbound|9080||reviews.default.svc.cluster.local";
const V1 = "outbound|9080|v1|reviews.default.svc.cluster.local";

/** A proxy that knows no timeouts of routes and no outlier detection. */
const check: ProxyCheck = {
	userAgent: "modest",
	route: ({ action }) =>
		action.case === "route" && (action.value.timeout?.seconds ?? 0n) > 0n ? [problem("X", "route.timeout", "no")] : [],
	cluster: (cluster) => (cluster.outlierDetection ? [problem("X", "outlier_detection", "no")] : []),
};
const proxyOf = (yaml: string, userAgent = "modest") =>
	testProxy(bookinfo().apply(yaml), { deployment: "productpage-v1", check, userAgent });

const RULES = [
	"{ match: [{ uri: { prefix: /slow } }], timeout: 1s, route: [{ destination: { host: reviews } }] }",
	"{ match: [{ uri: { prefix: /x } }], route: [{ destination: { host: ratings } }] }",
	"{ timeout: 2s, route: [{ destination: { host: details } }] }",
];
const SPLIT = rule("VirtualService", "reviews", `{ hosts: [reviews], http: [${RULES.join(", ")}] }`);

/** What was left out of somebody's rule. */
const leftOut = ({ translator }: ReturnType<typeof proxyOf>) =>
	translator.problems().filter(({ code }) => ["LTN3725", "LTN3726"].includes(code));

test("a rule that the proxy would refuse is left out and told, the others stay", () => {
	const proxy = proxyOf(SPLIT);
	const lines = routeLines(hostFor(proxy.routes(), "reviews:9080"));
	assert.deepEqual(lines, ["prefix /x -> ratings.default:9080"]);
	assert.deepEqual(
		leftOut(proxy).map((p) => `${p.code} ${p.path}`),
		["LTN3725 VirtualService/default/reviews spec.http[0]", "LTN3725 VirtualService/default/reviews spec.http[2]"],
	);
});

test("other proxies get everything", () => {
	const proxy = proxyOf(SPLIT, "envoy");
	assert.equal(routeLines(hostFor(proxy.routes(), "reviews:9080")).length, 3);
	assert.deepEqual(leftOut(proxy), []);
});

test("a policy that the proxy would refuse is left out of the cluster, and told however often it is asked for", () => {
	const policy = "trafficPolicy: { loadBalancer: { simple: RANDOM }, outlierDetection: { consecutive5xxErrors: 1 } }";
	const subset = `subsets: [{ name: v1, labels: { version: v1 }, ${policy} }]`;
	const proxy = proxyOf(rule("DestinationRule", "reviews", `{ host: reviews, ${subset} }`));
	for (let time = 0; time < 2; time++) {
		const v1 = proxy.cluster(V1);
		assert.ok(v1 && !v1.outlierDetection);
		assert.ok(proxy.cluster(REVIEWS));
		const [told, ...more] = leftOut(proxy);
		assert.deepEqual(more, []);
		assert.deepEqual([told?.code, told?.path], ["LTN3726", "DestinationRule/default/reviews"]);
		assert.match(told?.message ?? "", /outlier_detection: no.*subset v1/);
	}
});
