import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOfObject } from "../kinds/catalogue.ts";
import type { AdmissionRequest } from "../kube/apiserver/admission.ts";
import { obediencePlugin } from "./obedience-plugin.ts";

const plugin = obediencePlugin(() => undefined);

function warnings(apiVersion: string, kind: string, spec: object, more: Partial<AdmissionRequest> = {}) {
	const object = { apiVersion, kind, metadata: { name: "x", namespace: "default" }, spec };
	const { group, plural } = kindOfObject(object)!;
	const verdict = plugin.validate!({
		operation: "CREATE",
		group,
		version: "v1",
		plural,
		subresource: "",
		namespace: "default",
		name: "x",
		object,
		oldObject: undefined,
		dryRun: false,
		namespaceLabels: {},
		...more,
	});
	assert.equal(verdict.denied, undefined);
	return verdict.warnings;
}

test("a write of what nothing obeys is taken with a warning that says so", () => {
	assert.deepEqual(warnings("security.istio.io/v1", "AuthorizationPolicy", {}), [
		"kind: AuthorizationPolicy is stored but not supported yet: no request is denied by it",
	]);
	const [tcp] = warnings("networking.istio.io/v1", "VirtualService", { hosts: ["a"], tcp: [{ route: [] }] })!;
	assert.match(tcp!, /^spec.tcp: tcp is not supported yet/);
	assert.deepEqual(warnings("networking.k8s.io/v1", "NetworkPolicy", {}), [
		"NetworkPolicy is stored but not supported yet: nothing here enforces it",
	]);
});

test("what is obeyed, deleted or a status is not warned about", () => {
	assert.deepEqual(warnings("apps/v1", "Deployment", {}), []);
	assert.deepEqual(warnings("networking.istio.io/v1", "DestinationRule", { host: "a" }), []);
	assert.deepEqual(warnings("batch/v1", "Job", {}, { subresource: "status" }), []);
	assert.deepEqual(warnings("batch/v1", "Job", {}, { operation: "DELETE", object: undefined }), []);
});
