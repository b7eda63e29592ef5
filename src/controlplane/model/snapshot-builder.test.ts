import assert from "node:assert/strict";
import { test } from "node:test";
import { destinationRuleFor } from "./destination-rule-lookup.ts";
import { serviceView } from "./service-lookup.ts";
import { endpointsOf } from "./snapshot.ts";
import { MeshFixture } from "./testing/mesh-fixture.ts";

const REVIEWS = `
apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ port: 9080, name: http }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: reviews-v1 }
spec:
  template:
    metadata: { labels: { app: reviews, version: v1 } }
    spec: { serviceAccountName: bookinfo-reviews, containers: [{ name: reviews, ports: [{ containerPort: 9080 }] }] }
`;

const rule = (name: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: ${spec}
`;

test("a service's endpoints know their workload", () => {
	const snapshot = new MeshFixture().apply(REVIEWS).snapshot();
	const [endpoint] = endpointsOf(snapshot, "reviews.default.svc.cluster.local");
	assert.equal(endpoint?.address, "10.1.0.1");
	assert.equal(endpoint?.port, 9080);
	assert.equal(endpoint?.labels.version, "v1");
	assert.deepEqual(endpoint?.workload, {
		name: "reviews-v1",
		namespace: "default",
		canonicalName: "reviews",
		canonicalRevision: "v1",
		serviceAccount: "bookinfo-reviews",
	});
});

test("what did not change keeps its identity, what did does not", () => {
	const fixture = new MeshFixture().apply(REVIEWS);
	const before = fixture.snapshot();
	fixture.apply(rule("r", "{ host: reviews }"));
	const after = fixture.snapshot();
	assert.equal(after.services, before.services);
	assert.equal(after.virtualServices, before.virtualServices);
	const host = "reviews.default.svc.cluster.local";
	assert.equal(endpointsOf(after, host), endpointsOf(before, host));
	assert.notEqual(after.destinationRules, before.destinationRules);
});

test("one bad object is left out with its problems, the others stay", () => {
	const fixture = new MeshFixture()
		.apply(rule("good", "{ host: reviews }"))
		.apply(rule("bad", "{ host: ratings, trafficPolicy: { loadBalancer: { simple: FASTEST } } }"));
	const snapshot = fixture.snapshot();
	assert.deepEqual(
		snapshot.destinationRules.map((r) => r.meta.name),
		["good"],
	);
	const [bad] = snapshot.problems;
	assert.ok(bad?.dropped);
	assert.deepEqual(bad.ref, { kind: "DestinationRule", namespace: "default", name: "bad" });
	assert.equal(bad.problems[0]?.path, "spec.trafficPolicy.loadBalancer.simple");
});

test("fields that are not obeyed are told, and the object is used", () => {
	const snapshot = new MeshFixture()
		.apply(rule("r", "{ host: reviews, trafficPolicy: { tunnel: {} }, wings: 2 }"))
		.snapshot();
	assert.equal(snapshot.destinationRules.length, 1);
	assert.deepEqual(
		snapshot.problems[0]?.problems.map((p) => p.path),
		["spec.trafficPolicy.tunnel", "spec.wings"],
	);
});

test("the client's namespace decides before the service's, and the more specific host inside one", () => {
	const fixture = new MeshFixture().apply(REVIEWS);
	fixture.apply(rule("wide", '{ host: "*.default.svc.cluster.local" }'));
	fixture.apply(rule("service-side", "{ host: reviews }"));
	fixture.apply(rule("client-side", "{ host: reviews.default.svc.cluster.local }"), "client");
	fixture.apply(rule("mesh-wide", '{ host: "*.local" }'), "istio-system");
	const snapshot = fixture.snapshot();
	const service = serviceView(snapshot, "default").find("reviews.default.svc.cluster.local")!;
	const pick = (namespace: string) => destinationRuleFor(snapshot, { namespace, labels: {} }, service)?.meta.name;
	assert.equal(pick("client"), "client-side");
	assert.equal(pick("default"), "service-side");
	assert.equal(pick("elsewhere"), "service-side");
	fixture.delete("DestinationRule", "default", "service-side");
	fixture.delete("DestinationRule", "default", "wide");
	const later = fixture.snapshot();
	assert.equal(destinationRuleFor(later, { namespace: "elsewhere", labels: {} }, service)?.meta.name, "mesh-wide");
});

test("rules of one host in one namespace join their subsets; the oldest policy counts", () => {
	const fixture = new MeshFixture()
		.apply(REVIEWS)
		.apply(rule("a", "{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }] }"))
		.apply(
			rule(
				"b",
				"{ host: reviews, trafficPolicy: { connectionPool: { http: { maxRetries: 7 } } }, subsets: [{ name: v1 }, { name: v2 }] }",
			),
		);
	const snapshot = fixture.snapshot();
	const service = snapshot.services[0]!;
	const merged = destinationRuleFor(snapshot, { namespace: "default", labels: {} }, service)!;
	assert.deepEqual(
		merged.subsets.map((s) => [s.name, s.labels]),
		[
			["v1", { version: "v1" }],
			["v2", {}],
		],
	);
	assert.equal(merged.trafficPolicy?.connectionPool?.maxRetries, 7);
});

test("fields of Pods and Services that the mesh does not read are nobody's problem", () => {
	const pods = REVIEWS.replace(
		"containers: [{ name: reviews,",
		"containers: [{ name: reviews, image: x, env: [{ name: A }],",
	);
	const snapshot = new MeshFixture()
		.apply(pods.replace("spec: { selector", "spec: { sessionAffinity: None, selector"))
		.snapshot();
	assert.deepEqual(snapshot.problems, []);
});
