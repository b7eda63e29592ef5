import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterLoadAssignment } from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { bookinfo, rule } from "../testing/bookinfo.ts";
import { testProxy } from "../testing/test-proxy.ts";

const ALL = "outbound|9080||reviews.default.svc.cluster.local";
const V2 = "outbound|9080|v2|reviews.default.svc.cluster.local";
const SUBSETS = rule(
	"DestinationRule",
	"reviews",
	"{ host: reviews, subsets: [{ name: v2, labels: { version: v2 } }] }",
);

function addresses(assignment: ClusterLoadAssignment | undefined): string[] {
	return (assignment?.endpoints ?? []).flatMap((locality) =>
		locality.lbEndpoints.map((e) => {
			const address = e.hostIdentifier.case === "endpoint" ? e.hostIdentifier.value.address?.address : undefined;
			return address?.case === "socketAddress" ? `${address.value.address}:${address.value.portSpecifier.value}` : "?";
		}),
	);
}

test("a subset has the endpoints with its labels, the service all", () => {
	const proxy = testProxy(bookinfo().apply(SUBSETS), { deployment: "productpage-v1" });
	const [all, v2] = proxy.endpoints(ALL, V2);
	assert.equal(addresses(all).length, 3);
	assert.equal(addresses(v2).length, 1);
	assert.ok(addresses(all).includes(addresses(v2)[0]!));
	assert.deepEqual(v2?.endpoints[0]?.lbEndpoints[0]?.metadata?.filterMetadata.istio, {
		workload: "reviews-v2;default;reviews;v2;Kubernetes",
	});
	assert.equal(all?.endpoints[0]?.loadBalancingWeight, 3);
});

test("every name has an answer: unknown services and subsets are empty", () => {
	const proxy = testProxy(bookinfo(), { deployment: "productpage-v1" });
	const names = ["outbound|9080|v9|reviews.default.svc.cluster.local", "outbound|1||no.such.svc", "xds-grpc"];
	const answers = proxy.endpoints(...names);
	assert.deepEqual(
		answers.map((a) => [a.clusterName, a.endpoints]),
		names.map((name) => [name, []]),
	);
});

test("endpoints that are not ready are not sent, unless the Service publishes them", () => {
	const fixture = bookinfo();
	const slice = fixture.list("EndpointSlice").find((s) => s.metadata.name === "details-slice")!;
	const unready = (slice.endpoints as object[]).map((e) => ({ ...e, conditions: { ready: false } }));
	fixture.put({ ...slice, endpoints: unready });
	const name = "outbound|9080||details.default.svc.cluster.local";
	const proxy = testProxy(fixture, { deployment: "productpage-v1" });
	assert.deepEqual(addresses(proxy.endpoints(name)[0]), []);
	const service = fixture.list("Service").find((s) => s.metadata.name === "details")!;
	fixture.put({ ...service, spec: { ...(service.spec as object), publishNotReadyAddresses: true } });
	assert.equal(addresses(proxy.endpoints(name)[0]).length, 1);
	assert.equal(proxy.endpoints(name)[0]?.endpoints[0]?.lbEndpoints[0]?.healthStatus, 2);
});

const node = (name: string, region: string, zone: string) =>
	`apiVersion: v1\nkind: Node\nmetadata: { name: ${name}, labels: { topology.kubernetes.io/region: ${region}, topology.kubernetes.io/zone: ${zone} } }\n`;

test("nearer localities come first, but only with outlier detection", () => {
	const fixture = bookinfo().apply([node("n1", "eu", "a"), node("n2", "eu", "b"), node("n3", "us", "c")].join("---\n"));
	const place = (deployment: string, nodeName: string) => {
		const pod = fixture.pod(deployment);
		fixture.put({ ...pod, spec: { ...(pod.spec as object), nodeName } });
	};
	place("productpage-v1", "n1");
	place("reviews-v1", "n3");
	place("reviews-v2", "n2");
	place("reviews-v3", "n1");
	const proxy = testProxy(fixture, { deployment: "productpage-v1" });
	const priorities = () =>
		Object.fromEntries(proxy.endpoints(ALL)[0]!.endpoints.map((e) => [e.locality?.zone, e.priority]));
	assert.deepEqual(priorities(), { a: 0, b: 0, c: 0 });
	fixture.apply(rule("DestinationRule", "reviews", "{ host: reviews, trafficPolicy: { outlierDetection: {} } }"));
	assert.deepEqual(priorities(), { a: 0, b: 1, c: 2 });
});

test("an assignment keeps its identity when something else changes", () => {
	const fixture = bookinfo();
	const proxy = testProxy(fixture, { deployment: "productpage-v1" });
	const before = proxy.endpoints(ALL)[0];
	fixture.apply(rule("DestinationRule", "other", "{ host: details }"));
	assert.equal(proxy.endpoints(ALL)[0], before);
	fixture.delete("Pod", "default", fixture.pod("reviews-v1").metadata.name!);
	assert.notEqual(proxy.endpoints(ALL)[0], before);
});
