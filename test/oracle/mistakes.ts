/** A manifest with something wrong (or something that only looks wrong). */
export interface Mistake {
	readonly object: object;
	/** Why the texts differ. */
	readonly differs?: string;
}

type Change = readonly [path: string, value: unknown];

const deployment = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "bad" },
	spec: {
		selector: { matchLabels: { app: "bad" } },
		template: { metadata: { labels: { app: "bad" } }, spec: { containers: [{ name: "c", image: "x" }] } },
	},
};
const service = {
	apiVersion: "v1",
	kind: "Service",
	metadata: { name: "bad" },
	spec: { selector: { app: "bad" }, ports: [{ port: 80 }] },
};
const pod = {
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name: "bad" },
	spec: { containers: [{ name: "c", image: "x" }] },
};
const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bad" }, data: { a: "b" } };
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "bad" }, data: { a: "YQ==" } };

/** A copy with values set (or, when undefined, removed) at paths such as `spec.ports.0.port`. */
function mistake(base: object, ...changes: readonly Change[]): Mistake {
	const object = structuredClone(base) as Record<string, unknown>;
	for (const [path, value] of changes) {
		const steps = path.split(".");
		const last = steps.pop()!;
		let parent = object;
		for (const name of steps) {
			parent[name] ??= {};
			parent = parent[name] as Record<string, unknown>;
		}
		if (value === undefined) delete parent[last];
		else parent[last] = value;
	}
	return { object };
}

const withGoLiteral = (one: Mistake): Mistake => ({ ...one, differs: "kube-apiserver prints a Go literal" });
const withHint = (one: Mistake): Mistake => ({ ...one, differs: "Lateen says what was probably meant" });

const POD = "spec.template.spec";
const CONTAINER = `${POD}.containers.0`;
const httpGet = { path: "/", port: 80 };

const inDeployment = (path: string, value?: unknown) => mistake(deployment, [path, value]);
const inContainer = (path: string, value?: unknown) => mistake(deployment, [`${CONTAINER}.${path}`, value]);
const inService = (path: string, value?: unknown) => mistake(service, [path, value]);
const inPod = (path: string, value?: unknown) => mistake(pod, [path, value]);

const deployments: Mistake[] = [
	inDeployment("spec.replicas", -1),
	inDeployment("spec.selector"),
	inDeployment("spec.selector.matchLabels.app", "other"),
	inDeployment(`${POD}.containers`, []),
	inDeployment("spec.template"),
	withGoLiteral(inDeployment("spec.strategy", { type: "Nope" })),
	inDeployment("spec.strategy", { type: "Recreate", rollingUpdate: { maxSurge: 1 } }),
	withGoLiteral(inDeployment("spec.strategy", { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } })),
	withGoLiteral(inDeployment("spec.strategy", { rollingUpdate: { maxSurge: "abc" } })),
	inDeployment(`${POD}.restartPolicy`, "Never"),
	inDeployment("spec.foo", 1),
	inDeployment("spec.replicas", "3"),
	inDeployment("spec.template.metadata.labels.app", 5),
	inDeployment("metadata.labels", { a: "b c" }),
	inDeployment("metadata.name", "Bad_Name"),
	inDeployment("metadata.namespace", "other"),
	inDeployment("metadata.annotations", { "a b": "c" }),
	inDeployment(`${POD}.dnsPolicy`, "Nope"),
	inDeployment("spec.minReadySeconds", -1),
	inDeployment("spec.revisionHistoryLimit", -1),
	inDeployment("spec.progressDeadlineSeconds", 0),
	withGoLiteral(inDeployment("spec.selector.matchExpressions", [{ key: "a", operator: "Nope" }])),
	inDeployment("spec.selector", {}),
	inDeployment(`${POD}.serviceAccountName`, "Bad_Name"),
	inDeployment(`${POD}.hostNetwork`, "yes"),
	inDeployment(`${POD}.securityContext`, { runAsUser: -1 }),
	inDeployment(`${POD}.initContainers`, [{ name: "c", image: "x" }]),
	inDeployment(`${POD}.volumes`, [
		{ name: "v", emptyDir: {} },
		{ name: "v", emptyDir: {} },
	]),
	inDeployment(`${POD}.volumes`, [{ name: "v" }]),
	inDeployment("apiVersion", "apps/v1beta1"),
	inDeployment("kind", "Deploymnt"),
	inDeployment("apiVersion", "nope/v1"),
];

const containers: Mistake[] = [
	inContainer("name", "Bad_Name"),
	inContainer("image", ""),
	inContainer("image"),
	inContainer("imagePullPolicy", "Sometimes"),
	inContainer("ports", [{ containerPort: 70000 }]),
	inContainer("ports", [{ containerPort: 80, name: "TOO_LONG_NAME_xxxxxxxx" }]),
	inContainer("ports", [
		{ containerPort: 80, name: "a" },
		{ containerPort: 81, name: "a" },
	]),
	inContainer("ports", [{ containerPort: 80, protocol: "XYZ" }]),
	inContainer("ports", [{ name: "x" }]),
	inContainer("env", [{ name: "" }]),
	inContainer("env", [{ name: "a b" }]),
	inContainer("env", [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }]),
	inContainer("env", [{ name: "A", valueFrom: { fieldRef: { fieldPath: "nope" } } }]),
	inContainer("env", [{ name: "A", value: 1 }]),
	inContainer("env", [{ name: "A", valueFrom: { configMapKeyRef: { name: "c" } } }]),
	inContainer("resources", { limits: { cpu: "abc" } }),
	inContainer("resources", { limits: { cpu: "1" }, requests: { cpu: "2" } }),
	inContainer("resources", { limits: { cpu: "-1" } }),
	inContainer("volumeMounts", [{ name: "v", mountPath: "/x" }]),
	inContainer("livenessProbe", { periodSeconds: 1 }),
	inContainer("livenessProbe", { httpGet, exec: { command: ["a"] } }),
	inContainer("livenessProbe", { httpGet: { path: "", port: "Bad Port" } }),
	inContainer("livenessProbe", { httpGet, successThreshold: 2 }),
	inContainer("livenessProbe", { httpGet, timeoutSeconds: -1 }),
	withGoLiteral(inContainer("securityContext", { privileged: true, allowPrivilegeEscalation: false })),
	inContainer("command", "ls"),
	inDeployment(`${POD}.containers`, [
		{ name: "c", image: "x" },
		{ name: "c", image: "y" },
	]),
];

const services: Mistake[] = [
	inService("spec.ports", []),
	inService("spec.ports.0.port", 0),
	inService("spec.ports.0.port", 70000),
	inService("spec.ports", [{ port: 80 }, { port: 81 }]),
	withGoLiteral(
		inService("spec.ports", [
			{ port: 80, name: "a" },
			{ port: 80, name: "b" },
		]),
	),
	inService("spec.ports", [
		{ port: 80, name: "a" },
		{ port: 81, name: "a" },
	]),
	inService("spec.ports.0.protocol", "X"),
	inService("spec.ports.0.targetPort", "Bad Name"),
	inService("spec.type", "Nope"),
	inService("spec.clusterIP", "1.2.3"),
	withGoLiteral(inService("spec.clusterIP", "8.8.8.8")),
	inService("spec.ports.0.nodePort", 80),
	inService("spec.type", "ExternalName"),
	mistake(service, ["spec.type", "ExternalName"], ["spec.externalName", "bad_name!"]),
	inService("spec.sessionAffinity", "X"),
	inService("metadata.name", "1abc"),
	inService("metadata.name", "Bad_Svc"),
	withHint(inService("spec.ports.0.nodeport", 1)),
	inService("spec.selector", { "a b": "c" }),
	inService("spec.ports.0.name", "UPPER"),
	inService("spec.externalIPs", ["x"]),
	inService("spec.ports.0.port", "80"),
	inService("spec.ports", { port: 80 }),
	inService("spec.externalTrafficPolicy", "Local"),
	inService("spec.internalTrafficPolicy", "X"),
	inService("spec.loadBalancerSourceRanges", ["x"]),
	inService("spec.ipFamilies", ["IPv9"]),
	mistake(service, ["spec.type", "LoadBalancer"], ["spec.clusterIP", "None"]),
	inService("spec"),
];

const pods: Mistake[] = [
	inPod("spec.containers", []),
	inPod("spec"),
	inPod("spec.nodeName", "x y"),
	inPod("spec.restartPolicy", "X"),
	inPod("spec.containers.0.name"),
	inPod("spec.containers.0.image", " x"),
	inPod("spec.containers.0.lifecycle", { preStop: {} }),
	withHint(inPod("spec.containers.0.workingdir", "/")),
	inPod("spec.activeDeadlineSeconds", 0),
	inPod("spec.hostAliases", [{ ip: "x", hostnames: ["a"] }]),
	inPod("spec.tolerations", [{ operator: "X" }]),
	inPod("spec.containers.0.envFrom", [{}]),
	inPod("spec.volumes", [{ name: "v", configMap: {} }]),
	inPod("spec.volumes", [{ name: "v", emptyDir: {}, hostPath: { path: "/" } }]),
	mistake(pod, ["spec.containers.0.volumeMounts", [{ name: "v" }]], ["spec.volumes", [{ name: "v", emptyDir: {} }]]),
	inPod("spec.priorityClassName", "nope"),
	inPod("spec.affinity", {
		nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
	}),
	inPod("spec.containers.0.ports", [{ containerPort: 80, hostPort: 99999 }]),
	inPod("spec.ephemeralContainers", [{ name: "e", image: "x" }]),
];

const others: Mistake[] = [
	mistake(configMap, ["data", { "a b": "c" }]),
	mistake(configMap, ["data", { a: 1 }]),
	mistake(configMap, ["binaryData", { a: "YQ==" }]),
	mistake(configMap, ["binaryData", { z: "!!" }]),
	mistake(configMap, ["nope", 1]),
	mistake(secret, ["data", { a: "!!" }]),
	mistake(secret, ["type", "kubernetes.io/tls"]),
	mistake(secret, ["type", "kubernetes.io/dockerconfigjson"]),
	mistake(secret, ["type", "kubernetes.io/service-account-token"]),
	mistake(secret, ["immutable", "x"]),
	mistake({ apiVersion: "v1", kind: "Namespace", metadata: { name: "Bad_Ns" } }),
	mistake({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "Bad_Sa" } }),
];

/** Every one is sent with `kubectl create --dry-run=server`. */
export const mistakes: readonly Mistake[] = [...deployments, ...containers, ...services, ...pods, ...others];
