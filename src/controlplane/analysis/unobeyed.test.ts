import assert from "node:assert/strict";
import { test } from "node:test";
import { istioKinds } from "../../kinds/istio/istio-kinds.ts";
import type { KubeObject } from "../../kinds/object.ts";
import { formatMessage } from "./analysis-message.ts";
import { analyzeObjects } from "./analyze-objects.ts";
import { unobeyed } from "./unobeyed.ts";

const object = (kind: string, spec: object, group = "networking.istio.io"): KubeObject => ({
	apiVersion: `${group}/v1`,
	kind,
	metadata: { name: "x", namespace: "default" },
	spec,
});

test("kinds that nothing reads are told as such, by analysis too", () => {
	const policy = object("AuthorizationPolicy", {}, "security.istio.io");
	const [told, ...more] = unobeyed(policy);
	assert.equal(told?.code, "LTN1504");
	assert.match(told.message, /AuthorizationPolicy is stored but not supported yet: no request is denied by it/);
	assert.deepEqual(more, []);
	const { messages } = analyzeObjects({ objects: [policy], hasCluster: false });
	assert.deepEqual(messages.map(formatMessage), [
		"Warning [LTN1504] (AuthorizationPolicy default/x) kind: AuthorizationPolicy is stored but not supported yet: no request is denied by it",
	]);
});

test("every one of Istio's kinds is either read or told as unread", () => {
	const read = istioKinds.filter(({ kind, group }) => unobeyed(object(kind, {}, group))[0]?.code !== "LTN1504");
	assert.deepEqual(read.map(({ kind }) => kind).sort(), [
		"DestinationRule",
		"Gateway",
		"ServiceEntry",
		"VirtualService",
	]);
});

test("ports that carry HTTP/2 are told", () => {
	const ports = [
		{ name: "http", port: 80 },
		{ name: "grpc-x", port: 1 },
		{ name: "a", port: 2, appProtocol: "http2" },
	];
	const service = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "default" }, spec: { ports } };
	assert.deepEqual(
		unobeyed(service).map(({ path, message }) => `${path}: ${message}`),
		[
			"spec.ports[1]: port grpc-x carries gRPC, which the sidecars do not speak yet",
			"spec.ports[2]: port a carries HTTP/2, which the sidecars do not speak yet",
		],
	);
	const { messages } = analyzeObjects({ objects: [service], hasCluster: false });
	assert.equal(messages.filter(({ code }) => code === "LTN1505").length, 2);
});

test("fields that nothing obeys are told with their path, what is obeyed or invalid is not", () => {
	const rule = object("DestinationRule", {
		host: "reviews",
		trafficPolicy: { loadBalancer: { simple: "RANDOM" }, tls: { mode: "ISTIO_MUTUAL" } },
	});
	assert.deepEqual(
		unobeyed(rule).map(({ code, path }) => [code, path]),
		[["LTN1502", "spec.trafficPolicy.tls.mode"]],
	);
	assert.deepEqual(unobeyed(object("DestinationRule", { host: 7 })), []);
	assert.deepEqual(unobeyed({ apiVersion: "v1", kind: "Sidecar", metadata: { name: "x" } }), []);
});
