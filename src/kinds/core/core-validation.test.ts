import assert from "node:assert/strict";
import { test } from "node:test";
import { findKind } from "../catalogue.ts";
import { formatFieldError } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { applyDefaults, validateObject } from "../object-pipeline.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a defaulted object of the core group is refused for. */
function errorsOf(kindName: string, members: Json, old?: Json): string[] {
	const kind = findKind("", "v1", kindName)!;
	const make = (own: Json) => {
		const object = { apiVersion: "v1", kind: kindName, metadata: { name: "x", namespace: "n" }, ...own } as KubeObject;
		applyDefaults(kind, "v1", object);
		return object;
	};
	const before = old && make(structuredClone(old));
	return validateObject(kind, "v1", make(structuredClone(members)), before).errors.map(formatFieldError);
}

const pod = (spec: Json) => ({ spec: { containers: [{ name: "c", image: "x" }], ...spec } });
const container = (own: Json) => pod({ containers: [{ name: "c", image: "x", ...own }] });
const service = (spec: Json) => ({ spec: { selector: { app: "x" }, ports: [{ port: 80 }], ...spec } });

const ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

test("a pod is refused for what kube-apiserver refuses it for, in its words", () => {
	const cases: [wrong: Json, errors: string[]][] = [
		[
			pod({ activeDeadlineSeconds: 0 }),
			["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
		],
		[pod({ hostAliases: [{ ip: "x" }] }), [`spec.hostAliases[0].ip: Invalid value: "x": ${ADDRESS}`]],
		[
			pod({ tolerations: [{ operator: "X" }] }),
			[
				'spec.tolerations[0].operator: Invalid value: "X": operator must be Exists when `key` is empty, which means "match all values and all keys"',
				'spec.tolerations[0].operator: Unsupported value: "X": supported values: "Equal", "Exists"',
			],
		],
		[
			pod({ tolerations: [{ key: "a", effect: "NoSchedule", tolerationSeconds: 1 }] }),
			[
				"spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
			],
		],
		[
			pod({ securityContext: { runAsUser: -1 } }),
			["spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
		],
		[pod({ volumes: [{ name: "v", configMap: {} }] }), ["spec.volumes[0].configMap.name: Required value"]],
		[
			pod({ ephemeralContainers: [{ name: "e", image: "x" }] }),
			["spec.ephemeralContainers: Forbidden: cannot be set on create"],
		],
		[
			container({ envFrom: [{}] }),
			['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
		],
		[
			container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "nope" } } }] }),
			[
				'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "nope": error converting fieldPath: field label not supported: nope',
			],
		],
		[
			container({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s" } } }] }),
			["spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value"],
		],
		[container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] }), []],
	];
	for (const [wrong, errors] of cases) assert.deepEqual(errorsOf("Pod", wrong), errors);
});

test("a running pod's deadline may only be shortened", () => {
	const limited = pod({ activeDeadlineSeconds: 10 });
	assert.deepEqual(errorsOf("Pod", pod({ activeDeadlineSeconds: 5 }), limited), []);
	assert.deepEqual(errorsOf("Pod", limited, pod({})), []);
	assert.deepEqual(errorsOf("Pod", pod({ activeDeadlineSeconds: 20 }), limited), [
		"spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value",
	]);
});

test("a pod that gets containers with requests is Burstable", () => {
	const kind = findKind("", "v1", "Pod")!;
	const before = { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, ...pod({}) } as KubeObject;
	applyDefaults(kind, "v1", before);
	assert.equal((before.status as Json).qosClass, "BestEffort");
	(before.spec as { containers: Json[] }).containers.push({ name: "d", resources: { requests: { cpu: "1" } } });
	applyDefaults(kind, "v1", before);
	assert.equal((before.status as Json).qosClass, "Burstable");
});

test("a Service is refused for what kube-apiserver refuses it for, in its words", () => {
	const cases: [wrong: Json, errors: string[]][] = [
		[
			service({ ports: [{ port: 80, nodePort: 30080 }] }),
			["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
		],
		[service({ type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] }), []],
		[service({ externalIPs: ["x"] }), [`spec.externalIPs[0]: Invalid value: "x": ${ADDRESS}`]],
		[
			service({ externalTrafficPolicy: "Local" }),
			['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
		],
		[
			service({ loadBalancerSourceRanges: ["x"] }),
			[
				"spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
				'spec.LoadBalancerSourceRanges[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
			],
		],
		[service({ type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/8", "::1/128"] }), []],
		[
			service({ ipFamilies: ["IPv9"] }),
			['spec.ipFamilies[0]: Unsupported value: "IPv9": supported values: "IPv4", "IPv6"'],
		],
	];
	for (const [wrong, errors] of cases) assert.deepEqual(errorsOf("Service", wrong), errors);
});
