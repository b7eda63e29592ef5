import { stringify } from "yaml";
import type { KubeObject } from "../kinds/object.ts";
import { CLUSTER_DOMAIN, PORTS } from "../lib/names.ts";
import { hasProxy, type MeshWatch, type PodObject, podName, type ServiceObject } from "./mesh-watch.ts";
import { addTraffic } from "./traffic-window.ts";
import type { EdgeView, MeshView, ProxyView, RuleView, ServiceView } from "./view.ts";

/** The control plane's word on one proxy (`/debug/syncz`), as far as the console reads it. */
export interface SyncReport {
	readonly proxy: string;
	readonly types: Readonly<
		Record<string, { readonly status: string; readonly lastNack?: { readonly message: string } }>
	>;
}

/** Puts the page together from caches and measurements; reads nothing else. */
export function meshView(
	watch: MeshWatch,
	edges: readonly EdgeView[],
	sync: readonly SyncReport[],
): Pick<MeshView, "services" | "edges" | "rules" | "proxies"> {
	const rules = watch.rules.flatMap((informer) => informer.list()).map(ruleView);
	const hosts = new Map(
		watch.rules.flatMap((informer) => informer.list()).map((rule) => [ruleName(rule), hostsOf(rule)]),
	);
	return {
		edges: edges.toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond),
		services: watch.services
			.list()
			.map((s) => serviceView(s, { watch, edges, hosts }))
			.sort(byName),
		rules: rules.sort((a, b) => a.kind.localeCompare(b.kind) || byName(a, b)),
		proxies: watch.pods
			.list()
			.filter(hasProxy)
			.map((pod) => proxyView(pod, sync))
			.sort((a, b) => a.name.localeCompare(b.name)),
	};
}

const byName = (a: { namespace: string; name: string }, b: { namespace: string; name: string }) =>
	a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);

function serviceView(
	service: ServiceObject,
	from: { watch: MeshWatch; edges: readonly EdgeView[]; hosts: ReadonlyMap<string, readonly string[]> },
): ServiceView {
	const { name, namespace } = service.metadata as { name: string; namespace: string };
	const endpoints = from.watch.slices
		.list()
		.filter((s) => s.metadata.namespace === namespace && s.metadata.labels?.["kubernetes.io/service-name"] === name)
		.flatMap((s) => s.endpoints ?? []);
	const fqdn = `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`;
	const inbound = from.edges.filter(
		(e) => e.destination.service === name && e.destination.serviceNamespace === namespace,
	);
	return {
		name,
		namespace,
		type: service.spec.type ?? "ClusterIP",
		ports: (service.spec.ports ?? []).map((p) => `${p.port}/${p.protocol ?? "TCP"}`),
		endpointsTotal: endpoints.length,
		endpointsReady: endpoints.filter((e) => e.conditions?.ready !== false).length,
		rules: [...from.hosts].filter(([, hosts]) => hosts.includes(fqdn)).map(([rule]) => rule),
		...addTraffic(inbound),
	};
}

const ruleName = (rule: KubeObject) => `${rule.kind} ${rule.metadata.namespace}/${rule.metadata.name}`;

interface HttpRule {
	readonly match?: readonly unknown[];
	readonly route?: readonly { destination?: { host?: string; subset?: string }; weight?: number }[];
	readonly redirect?: unknown;
	readonly directResponse?: unknown;
	readonly delegate?: { name?: string };
}

interface RuleSpec {
	readonly http?: readonly HttpRule[];
	readonly host?: string;
	readonly hosts?: readonly string[];
	readonly gateways?: readonly string[];
	readonly subsets?: readonly { name: string }[];
	readonly servers?: readonly { port?: { number?: number; protocol?: string }; hosts?: readonly string[] }[];
}

/** Hosts that a rule concerns, as full names. */
function hostsOf(rule: KubeObject): string[] {
	const spec = (rule.spec ?? {}) as RuleSpec;
	const named = [...(spec.hosts ?? []), ...(spec.host ? [spec.host] : [])];
	return named.map((host) =>
		host.includes(".") || host === "*" ? host : `${host}.${rule.metadata.namespace}.svc.${CLUSTER_DOMAIN}`,
	);
}

function ruleView(rule: KubeObject): RuleView {
	const spec = (rule.spec ?? {}) as RuleSpec;
	const words = [
		spec.host ?? spec.hosts?.join(", "),
		spec.http && summariseRoutes(spec.http),
		spec.gateways && `at ${spec.gateways.join(", ")}`,
		spec.subsets && `subsets ${spec.subsets.map((s) => s.name).join(", ")}`,
		spec.servers
			?.map((s) => `${s.port?.protocol ?? ""} ${s.port?.number ?? ""} for ${s.hosts?.join(", ") ?? ""}`)
			.join("; "),
	];
	return {
		kind: rule.kind,
		name: rule.metadata.name!,
		namespace: rule.metadata.namespace ?? "",
		summary: words.filter((w) => w).join(" · "),
		createdAt: rule.metadata.creationTimestamp ?? "",
		yaml: stringify({ apiVersion: rule.apiVersion, kind: rule.kind, metadata: writtenMetadata(rule), spec: rule.spec }),
	};
}

/** Metadata without what the server and kubectl keep for themselves. */
function writtenMetadata({ metadata: { managedFields: _, ...metadata } }: KubeObject) {
	const { "kubectl.kubernetes.io/last-applied-configuration": __, ...annotations } = metadata.annotations ?? {};
	return { ...metadata, annotations: Object.keys(annotations).length > 0 ? annotations : undefined };
}

/** `v1 90, v2 10`; rules in order, those with conditions marked. */
function summariseRoutes(rules: readonly HttpRule[]): string {
	return rules.map((rule) => `${rule.match ? "on match " : ""}${actionOf(rule)}`).join("; ");
}

function actionOf({ route = [], redirect, directResponse, delegate }: HttpRule): string {
	if (redirect) return "redirect";
	if (directResponse) return "direct response";
	if (delegate) return `delegate ${delegate.name ?? ""}`;
	const named = route.map(({ destination, weight }) => {
		const name = destination?.subset ?? destination?.host ?? "?";
		return route.length > 1 && weight !== undefined ? `${name} ${weight}` : name;
	});
	return `→ ${named.join(", ")}`;
}

function proxyView(pod: PodObject, reports: readonly SyncReport[]): ProxyView {
	const name = podName(pod);
	const report = reports.find((r) => r.proxy === name);
	const types = Object.entries(report?.types ?? {}).map(([type, t]) => ({
		type,
		state: t.status,
		error: t.lastNack?.message,
	}));
	const worst = (["ERROR", "STALE"] as const).find((s) => types.some((t) => t.state === s));
	return {
		name,
		podIp: pod.status?.podIP,
		ready: pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false,
		sync: report ? (worst ?? "SYNCED") : "NOT CONNECTED",
		types,
		adminUrl: pod.status?.podIP && `http://${pod.status.podIP}:${PORTS.proxyAdmin}/`,
	};
}
