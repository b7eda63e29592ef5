import assert from "node:assert/strict";
import { test } from "node:test";
import { findKind, schemaOf } from "./catalogue.ts";
import type { KindDefinition } from "./definition.ts";
import { formatFieldError, formatInvalid } from "./field-error.ts";
import type { KubeObject } from "./object.ts";
import { applyDefaults, convertObject, findDecodeErrors, validateObject } from "./object-pipeline.ts";
import { QUANTITY_SYNTAX } from "./quantity.ts";
import { findUnknownFields } from "./schema/unknown-fields.ts";
import { at } from "./table/columns.ts";

function kind(group: string, name: string): KindDefinition {
	const found = findKind(group, "v1", name);
	assert.ok(found, name);
	return found;
}

const Pod = kind("", "Pod");
const Service = kind("", "Service");
const Deployment = kind("apps", "Deployment");
const Secret = kind("", "Secret");

type Json = Record<string, unknown>;

function object(definition: KindDefinition, members: Json, metadata: Json = {}): KubeObject {
	const apiVersion = definition.group === "" ? "v1" : `${definition.group}/v1`;
	const namespace = definition.namespaced ? { namespace: "default" } : {};
	return { apiVersion, kind: definition.kind, metadata: { name: "web", ...namespace, ...metadata }, ...members };
}

const template = (labels: Json, image = "nginx") => ({
	metadata: { labels },
	spec: { containers: [{ name: "web", image }] },
});

function deployment(spec: Json = {}): KubeObject {
	return object(Deployment, {
		spec: { selector: { matchLabels: { app: "web" } }, template: template({ app: "web" }), ...spec },
	});
}

function errorsOf(definition: KindDefinition, given: KubeObject, old?: KubeObject): string[] {
	const defaulted = structuredClone(given);
	applyDefaults(definition, "v1", defaulted);
	if (old) applyDefaults(definition, "v1", old);
	return validateObject(definition, "v1", defaulted, old).errors.map(formatFieldError);
}

test("a Deployment gets the defaults of Kubernetes", () => {
	const given = deployment();
	applyDefaults(Deployment, "v1", given);
	assert.equal(at(given, "spec.replicas"), 1);
	assert.deepEqual(at(given, "spec.strategy"), {
		type: "RollingUpdate",
		rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" },
	});
	assert.equal(at(given, "spec.revisionHistoryLimit"), 10);
	assert.equal(at(given, "spec.template.spec.restartPolicy"), "Always");
	assert.deepEqual((at(given, "spec.template.spec.containers") as Json[])[0], {
		name: "web",
		image: "nginx",
		imagePullPolicy: "Always",
		resources: {},
		terminationMessagePath: "/dev/termination-log",
		terminationMessagePolicy: "File",
	});
});

test("defaults are stable: applying them again changes nothing", () => {
	const once = deployment();
	applyDefaults(Deployment, "v1", once);
	const twice = structuredClone(once);
	applyDefaults(Deployment, "v1", twice);
	assert.deepEqual(twice, once);
});

test("a Service gets protocol, target port, families and policies", () => {
	const service = object(Service, { spec: { ports: [{ port: 8080, name: "http" }], selector: { app: "web" } } });
	applyDefaults(Service, "v1", service);
	assert.deepEqual(service.spec, {
		ports: [{ port: 8080, name: "http", protocol: "TCP", targetPort: 8080 }],
		selector: { app: "web" },
		type: "ClusterIP",
		sessionAffinity: "None",
		internalTrafficPolicy: "Cluster",
		ipFamilies: ["IPv4"],
		ipFamilyPolicy: "SingleStack",
	});
});

test("valid objects have no errors", () => {
	assert.deepEqual(errorsOf(Deployment, deployment()), []);
	assert.deepEqual(errorsOf(Pod, object(Pod, { spec: template({}).spec })), []);
});

test("a selector must match the template's labels", () => {
	assert.deepEqual(errorsOf(Deployment, deployment({ template: template({ app: "other" }) })), [
		'spec.template.metadata.labels: Invalid value: map[string]string{"app":"other"}: `selector` does not match template `labels`',
	]);
});

test("what is required is named", () => {
	assert.deepEqual(errorsOf(Deployment, object(Deployment, { spec: { template: template({ app: "web" }) } })), [
		"spec.selector: Required value",
		'spec.template.metadata.labels: Invalid value: map[string]string{"app":"web"}: `selector` does not match template `labels`',
	]);
	assert.deepEqual(errorsOf(Pod, object(Pod, { spec: { containers: [] } })), ["spec.containers: Required value"]);
	assert.deepEqual(errorsOf(Pod, object(Pod, { spec: { containers: [{}] } })), [
		"spec.containers[0].name: Required value",
		"spec.containers[0].image: Required value",
	]);
});

test("names follow Kubernetes' rules, in its words", () => {
	const errors = errorsOf(Deployment, { ...deployment(), metadata: { name: "Web_1", namespace: "default" } });
	assert.deepEqual(errors, [
		`metadata.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
	]);
	const service = object(Service, { spec: { ports: [{ port: 80 }] } }, { name: "1web" });
	assert.match(
		errorsOf(Service, service)[0]!,
		/a DNS-1035 label must consist of .* \(e\.g\. 'my-name', {2}or 'abc-123', regex/,
	);
});

test("ports and enums", () => {
	const service = object(Service, { spec: { type: "Cluster", ports: [{ port: 0 }, { port: 70000, name: "b" }] } });
	assert.deepEqual(errorsOf(Service, service), [
		'spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
		"spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
		"spec.ports[0].name: Required value",
		"spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
		"spec.ports[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
		"spec.ports[1].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
	]);
});

test("mounts name volumes, container names are unique", () => {
	const containers = [
		{ name: "a", image: "x", volumeMounts: [{ name: "data", mountPath: "/data" }] },
		{ name: "a", image: "x" },
	];
	assert.deepEqual(errorsOf(Pod, object(Pod, { spec: { containers } })), [
		'spec.containers[0].volumeMounts[0].name: Not found: "data"',
		'spec.containers[1].name: Duplicate value: "a"',
	]);
});

test("a selector cannot change, nor can a running pod", () => {
	const other = deployment({ selector: { matchLabels: { app: "b" } }, template: template({ app: "b" }) });
	assert.deepEqual(errorsOf(Deployment, other, deployment()), [
		'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
	]);
	const pod = object(Pod, { spec: template({}).spec });
	const image = object(Pod, { spec: template({}, "nginx:2").spec });
	image.spec = { ...(image.spec as Json), hostNetwork: true };
	assert.match(errorsOf(Pod, image, pod)[0]!, /^spec: Forbidden: pod updates may not change fields other than/);
});

test("a new image of a pod is taken", () => {
	const pod = object(Pod, { spec: template({}).spec });
	applyDefaults(Pod, "v1", pod);
	const next = structuredClone(pod);
	(at(next, "spec.containers") as Json[])[0]!.image = "nginx:2";
	assert.deepEqual(validateObject(Pod, "v1", next, pod).errors, []);
});

test("unknown fields are named with their indexes", () => {
	const spec = { containers: [{ name: "a", image: "x", foo: 1 }], bar: 2 };
	const unknown = findUnknownFields(schemaOf(Pod, "v1"), object(Pod, { spec }, { labels: { any: "thing" }, odd: 1 }));
	assert.deepEqual(unknown, ["metadata.odd", "spec.containers[0].foo", "spec.bar"]);
});

test("wrong types are refused in the words of Go's decoder", () => {
	assert.deepEqual(findDecodeErrors(Deployment, "v1", deployment({ replicas: "three" })), [
		"json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
	]);
	const spec = (container: object) => object(Pod, { spec: { containers: [{ name: "a", image: "x", ...container }] } });
	const member = (name: string) => `Go struct field Container.spec.containers.${name}`;
	const variable = "Go struct field EnvVar.spec.containers.env.value";
	const wrong: [container: object, text: string][] = [
		[{ env: [{ name: "A", value: 1 }] }, `json: cannot unmarshal number into ${variable} of type string`],
		[{ command: "ls" }, `json: cannot unmarshal string into ${member("command")} of type []string`],
		[
			{ ports: { containerPort: 1 } },
			`json: cannot unmarshal object into ${member("ports")} of type []v1.ContainerPort`,
		],
		[{ resources: { limits: { cpu: "abc" } } }, QUANTITY_SYNTAX],
	];
	for (const [container, text] of wrong) assert.deepEqual(findDecodeErrors(Pod, "v1", spec(container)), [text]);
	const labels = object(Pod, {}, { labels: { a: 5 as unknown as string } });
	assert.deepEqual(findDecodeErrors(Pod, "v1", labels), [
		"json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
	]);
	assert.deepEqual(findDecodeErrors(Deployment, "v1", deployment({ replicas: 2 })), []);
});

test("data that is no base64 is refused where Go's decoder stumbles", () => {
	const offsets: [text: string, offset: number | undefined][] = [
		["YQ==", undefined],
		["", undefined],
		["YWJj\nYQ==", undefined],
		["!!", 0],
		["YWJj*WJj", 4],
		["YWJjYQ", 4],
		["YQ=", 0],
	];
	for (const [text, offset] of offsets) {
		const secret = { ...object(Secret, {}), data: { a: text } };
		const expected = offset === undefined ? [] : [`illegal base64 data at input byte ${offset}`];
		assert.deepEqual(findDecodeErrors(Secret, "v1", secret), expected, text);
	}
});

test("many errors make one message", () => {
	const { errors } = validateObject(Pod, "v1", object(Pod, { spec: { containers: [{}] } }));
	assert.equal(
		formatInvalid("Pod", "", "web", errors),
		'Pod "web" is invalid: [spec.containers[0].name: Required value, spec.containers[0].image: Required value]',
	);
	assert.equal(
		formatInvalid("Deployment", "apps", "d", errors.slice(0, 1)),
		'Deployment.apps "d" is invalid: spec.containers[0].name: Required value',
	);
});

test("an autoscaler is the same object in both versions", () => {
	const hpa = findKind("autoscaling", "v2", "HorizontalPodAutoscaler")!;
	const spec = { scaleTargetRef: { kind: "Deployment", name: "web" }, minReplicas: 2, maxReplicas: 5 };
	const v1: KubeObject = {
		apiVersion: "autoscaling/v1",
		kind: "HorizontalPodAutoscaler",
		metadata: { name: "web", namespace: "default" },
		spec: { ...spec, targetCPUUtilizationPercentage: 60 },
		status: {},
	};
	const v2 = convertObject(hpa, v1, "v2");
	const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } } };
	assert.deepEqual(v2.spec, { ...spec, metrics: [cpu] });
	assert.deepEqual(convertObject(hpa, v2, "v1"), v1);
	assert.equal(hpa.columns.find(({ name }) => name === "Targets")!.get(v1, 0), "cpu: <unknown>/60%");
});

test("a core Event and its events.k8s.io form are the same object", () => {
	const alias = findKind("events.k8s.io", "v1", "Event")!.aliasOf!;
	const core: KubeObject = {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name: "e", namespace: "default" },
		involvedObject: { kind: "Pod", name: "p" },
		message: "Started",
		count: 2,
	};
	const other = alias.fromStored(core);
	assert.deepEqual(other.regarding, core.involvedObject);
	assert.equal(other.note, "Started");
	assert.deepEqual(alias.toStored(other), core);
});

test("service columns read as kubectl prints them", () => {
	const cell = (service: KubeObject, name: string) =>
		Service.columns.find((column) => column.name === name)!.get(service, 0);
	const spec = {
		type: "LoadBalancer",
		clusterIP: "127.1.128.9",
		ports: [{ port: 80, nodePort: 31380, protocol: "TCP" }],
	};
	const pending = object(Service, { spec });
	assert.equal(cell(pending, "External-IP"), "<pending>");
	assert.equal(cell(pending, "Port(s)"), "80:31380/TCP");
	const ready = object(Service, { spec, status: { loadBalancer: { ingress: [{ ip: "127.1.192.1" }] } } });
	assert.equal(cell(ready, "External-IP"), "127.1.192.1");
	const headless = object(Service, { spec: { type: "ClusterIP", clusterIPs: ["None"], ports: [] } });
	assert.equal(cell(headless, "Cluster-IP"), "None");
	assert.equal(cell(headless, "Port(s)"), "<none>");
});

test("stringData of a Secret goes into data", () => {
	const Secret = kind("", "Secret");
	const secret = object(Secret, { stringData: { key: "grün" } });
	applyDefaults(Secret, "v1", secret);
	assert.deepEqual(secret.data, { key: "Z3LDvG4=" });
	assert.equal(secret.stringData, undefined);
	assert.equal(secret.type, "Opaque");
});
