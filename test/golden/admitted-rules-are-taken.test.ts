import assert from "node:assert/strict";
import { test } from "node:test";
import fc, { type Arbitrary } from "fast-check";
import { stringify } from "yaml";
import { bookinfo } from "../../src/controlplane/translate/testing/bookinfo.ts";
import { testProxy } from "../../src/controlplane/translate/testing/test-proxy.ts";
import { validateIstio } from "../../src/kinds/istio/validate-istio.ts";
import type { KubeObject } from "../../src/kinds/object.ts";
import { ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { RouteConfigurationSchema } from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import { proxyCompilers } from "../support/proxy-compilers.ts";
import { destinationRuleSpec } from "./arbitrary/destination-rule-spec.ts";
import { virtualServiceSpec } from "./arbitrary/virtual-service-spec.ts";

// One rule that Lateen's proxy refuses would take the whole route table with it, so none that admission lets in may be refused.
const compilers = proxyCompilers();

function object(kind: string, spec: unknown): KubeObject {
	return { apiVersion: "networking.istio.io/v1", kind, metadata: { name: "generated", namespace: "default" }, spec } as KubeObject;
}

const isAdmitted = (rule: KubeObject) => validateIstio(rule, { strict: false }).errors.length === 0;

function refusals(rule: KubeObject): readonly string[] {
	const fixture = bookinfo().apply(stringify(rule));
	const sidecar = testProxy(fixture, { deployment: "productpage-v1", extensions: compilers.extensions });
	return [
		...sidecar.clusters().flatMap((m) => compilers.refusals(ClusterSchema, m)),
		...compilers.refusals(RouteConfigurationSchema, sidecar.routes()),
	];
}

/** Runs over specs that admission takes; most that are made must be such, or the test proves little. */
function check(kind: string, specs: Arbitrary<unknown>, runs: number): void {
	let made = 0;
	let admitted = 0;
	const rules = specs
		.map((spec) => object(kind, spec))
		.filter((rule) => {
			made++;
			return isAdmitted(rule) && ++admitted > 0;
		});
	fc.assert(
		fc.property(rules, (rule) => {
			assert.deepEqual(refusals(rule), []);
		}),
		{ numRuns: runs },
	);
	assert.ok(admitted > made / 4, `only ${admitted} of ${made} specs were admitted`);
}

test("what admission takes of VirtualServices, the proxy takes", () => check("VirtualService", virtualServiceSpec, 400));

test("what admission takes of DestinationRules, the proxy takes", () => check("DestinationRule", destinationRuleSpec, 400));
