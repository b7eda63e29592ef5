import { PORTS, PROXY_CONTAINER, PROXY_IMAGE, VERSION } from "../../lib/names.ts";
import type { InjectionConfig } from "./injection-config.ts";
import type { Container, EnvVar, WorkloadOwner } from "./pod-template.ts";
import { PROMETHEUS_VARIABLE } from "./prometheus-merge.ts";
import { formatOwner } from "./workload-owner.ts";

export interface ProxyContainerInput {
	readonly role: "sidecar" | "router";
	readonly namespace: string;
	readonly owner: WorkloadOwner;
	/** Of the pod; metrics name it by them. */
	readonly labels: Readonly<Record<string, string>>;
	/** Containers of the application. */
	readonly appContainers: readonly Container[];
	/** ProxyConfig as JSON, the mesh's and the pod's own. */
	readonly proxyConfig: Readonly<Record<string, unknown>>;
	/** What the pod's own `prometheus.io/*` annotations asked for, before the proxy's port replaced it. */
	readonly prometheus: string | undefined;
	readonly config: InjectionConfig;
}

/** The proxy's container as injection adds it (istio-security-telemetry-cli.md 5.2, docs/contracts.md). */
export function proxyContainer(input: ProxyContainerInput): Container {
	const probe = (rest: Readonly<Record<string, number>>) => ({
		httpGet: { path: "/healthz/ready", port: PORTS.ready },
		timeoutSeconds: 3,
		...rest,
	});
	return {
		name: PROXY_CONTAINER,
		image: PROXY_IMAGE,
		args: ["proxy", input.role],
		env: environment(input),
		ports: [{ containerPort: PORTS.proxyPrometheus, name: "http-envoy-prom", protocol: "TCP" }],
		resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "2", memory: "1Gi" } },
		securityContext: {
			allowPrivilegeEscalation: false,
			capabilities: { drop: ["ALL"] },
			privileged: false,
			readOnlyRootFilesystem: true,
			runAsGroup: 1337,
			runAsNonRoot: true,
			runAsUser: 1337,
		},
		startupProbe: probe({ periodSeconds: 1, failureThreshold: 600 }),
		readinessProbe: probe({ initialDelaySeconds: 0, periodSeconds: 15, failureThreshold: 4 }),
	};
}

function environment(input: ProxyContainerInput): EnvVar[] {
	const { config, owner, namespace, appContainers, prometheus } = input;
	const fixed: readonly (readonly [string, string])[] = [
		["PROXY_CONFIG", JSON.stringify(input.proxyConfig)],
		["ISTIO_META_POD_PORTS", JSON.stringify(podPorts(appContainers))],
		["ISTIO_META_APP_CONTAINERS", appContainers.map((c) => c.name).join(",")],
		["ISTIO_META_CLUSTER_ID", config.clusterId],
		["ISTIO_META_INTERCEPTION_MODE", "NONE"],
		["ISTIO_META_WORKLOAD_NAME", owner.name],
		["ISTIO_META_OWNER", formatOwner(owner, namespace)],
		["ISTIO_META_MESH_ID", config.meshId],
		["ISTIO_META_ISTIO_VERSION", VERSION],
		["ISTIO_METAJSON_LABELS", JSON.stringify({ LABELS: input.labels })],
		["TRUST_DOMAIN", config.trustDomain],
	];
	return [
		field("POD_NAME", "metadata.name"),
		field("POD_NAMESPACE", "metadata.namespace"),
		field("INSTANCE_IP", "status.podIP"),
		field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
		field("HOST_IP", "status.hostIP"),
		field("ISTIO_META_NODE_NAME", "spec.nodeName"),
		...fixed.map(([name, value]) => ({ name, value })),
		...(prometheus === undefined ? [] : [{ name: PROMETHEUS_VARIABLE, value: prometheus }]),
		...proxyMetadata(input.proxyConfig),
	];
}

function field(name: string, fieldPath: string): EnvVar {
	return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function podPorts(containers: readonly Container[]): unknown[] {
	return containers.flatMap((c) =>
		(c.ports ?? []).map(({ name, containerPort, protocol }) => ({ name, containerPort, protocol })),
	);
}

/** Every entry of `proxyMetadata` is an environment variable too. */
function proxyMetadata({ proxyMetadata: entries }: Readonly<Record<string, unknown>>): EnvVar[] {
	if (typeof entries !== "object" || entries === null) return [];
	return Object.entries(entries).map(([name, value]) => ({ name, value: String(value) }));
}
