import type { KubeObject } from "../../kinds/object.ts";
import { PROXY_CONTAINER } from "../../lib/names.ts";
import type { Problem } from "../../lib/problem.ts";
import type { InjectionConfig } from "./injection-config.ts";
import { decideInjection, type InjectionDecision } from "./injection-decision.ts";
import { checkAnnotations, readProxyConfig } from "./pod-annotations.ts";
import type { Container, PodSpec, WorkloadOwner } from "./pod-template.ts";
import { mergePrometheus, PROMETHEUS_VARIABLE } from "./prometheus-merge.ts";
import { proxyContainer } from "./proxy-container.ts";
import { canonicalLabels, workloadOwner } from "./workload-owner.ts";

const STATUS_ANNOTATION = "sidecar.istio.io/status";
const TEMPLATES_ANNOTATION = "inject.istio.io/templates";
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";
const DEFAULT_LOGS_CONTAINER = "kubectl.kubernetes.io/default-logs-container";

export interface InjectionResult extends InjectionDecision {
	/** The pod to use: injected, or the very object that came in. */
	readonly pod: KubeObject;
	/** Not empty: the pod asks for what cannot be and must be refused. */
	readonly problems: readonly Problem[];
}

/** Decides about a pod that is being created and gives it its proxy. Pure: the pod that comes in is not changed. */
export function injectPod(
	pod: KubeObject,
	namespace: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
	config: InjectionConfig,
): InjectionResult {
	const decision = decideInjection(pod, namespace, config);
	if (!decision.inject) return { ...decision, pod, problems: [] };
	const problems = checkAnnotations(pod.metadata.annotations ?? {});
	if (problems.length > 0) return { ...decision, inject: false, pod, problems };
	return {
		...decision,
		pod: addProxy(pod, { namespace: namespace.name, owner: workloadOwner(pod), config }),
		problems,
	};
}

export interface ProxyPlace {
	readonly namespace: string;
	readonly owner: WorkloadOwner;
	readonly config: InjectionConfig;
}

/** Adds the proxy to a pod or pod template, whatever the labels say. Twice is the same as once. */
export function addProxy(pod: KubeObject, place: ProxyPlace): KubeObject {
	const plain = removeProxy(pod);
	const annotations = plain.metadata.annotations ?? {};
	const labels = plain.metadata.labels ?? {};
	const spec = plain.spec as PodSpec;
	const isGateway = (annotations[TEMPLATES_ANNOTATION] ?? "").split(",").includes("gateway");
	const containers = spec.containers ?? [];
	const apps = containers.filter((c) => c.name !== PROXY_CONTAINER);
	const prometheus = mergePrometheus(annotations, mergedBefore(pod));
	const proxyConfig = { ...place.config.proxyConfig, ...readProxyConfig(annotations).config };
	const finalLabels = {
		...(isGateway ? {} : { "security.istio.io/tlsMode": "istio" }),
		...labels,
		...canonicalLabels(labels, place.owner),
	};
	const template = proxyContainer({
		...place,
		labels: finalLabels,
		role: isGateway ? "router" : "sidecar",
		appContainers: apps,
		proxyConfig,
		prometheus: prometheus.original,
	});
	const proxy = mergeContainer(
		template,
		containers.find((c) => c.name === PROXY_CONTAINER),
	);
	const holds =
		"holdApplicationUntilProxyStarts" in proxyConfig && proxyConfig.holdApplicationUntilProxyStarts === true;
	return {
		...plain,
		metadata: {
			...plain.metadata,
			labels: finalLabels,
			annotations: {
				...defaultContainer(apps),
				...annotations,
				...prometheus.annotations,
				"istio.io/rev": place.config.revision,
				[STATUS_ANNOTATION]: statusOf(place.config, containers.length > apps.length),
			},
		},
		spec: { ...spec, containers: holds ? [proxy, ...apps] : [...apps, proxy] },
	};
}

/** What an earlier injection noted of the application's own metrics. */
function mergedBefore(pod: KubeObject): string | undefined {
	const proxy = (pod.spec as PodSpec).containers?.find((c) => c.name === PROXY_CONTAINER);
	return proxy?.env?.find((e) => e.name === PROMETHEUS_VARIABLE)?.value;
}

/** What was added, so that it can be taken away again; a proxy container that the user wrote stays the user's. */
function statusOf({ revision }: InjectionConfig, ownsContainer: boolean): string {
	const containers = ownsContainer ? null : [PROXY_CONTAINER];
	return JSON.stringify({ initContainers: null, containers, volumes: null, imagePullSecrets: null, revision });
}

/** The pod without what an earlier injection added. */
function removeProxy(pod: KubeObject): KubeObject {
	const added = addedContainers(pod.metadata.annotations?.[STATUS_ANNOTATION]);
	if (added.size === 0) return pod;
	const spec = pod.spec as PodSpec;
	const containers = (spec.containers ?? []).filter((c) => !added.has(c.name));
	return { ...pod, spec: { ...spec, containers } };
}

function addedContainers(status: string | undefined): ReadonlySet<string> {
	if (status === undefined) return new Set();
	try {
		const { containers } = JSON.parse(status) as { containers?: unknown };
		return new Set(Array.isArray(containers) ? containers.map(String) : []);
	} catch (error) {
		// A status that somebody spoilt says nothing about what was added; the container's name still does.
		if (error instanceof SyntaxError) return new Set([PROXY_CONTAINER]);
		throw error;
	}
}

/** A proxy container that the user wrote refines the template; image `auto` means the template's. */
function mergeContainer(template: Container, own: Container | undefined): Container {
	if (!own) return template;
	const image = own.image === undefined || own.image === "auto" ? template.image : own.image;
	return {
		...template,
		...own,
		image,
		args: own.args ?? template.args,
		env: byKey([...(template.env ?? []), ...(own.env ?? [])], (e) => e.name),
		ports: byKey([...(template.ports ?? []), ...(own.ports ?? [])], (p) => String(p.containerPort)),
	};
}

/** Later entries replace earlier ones of the same key. */
function byKey<T>(entries: readonly T[], key: (entry: T) => string): T[] {
	return [...new Map(entries.map((entry) => [key(entry), entry])).values()];
}

function defaultContainer(apps: readonly Container[]): Record<string, string> {
	const first = apps[0]?.name;
	return first === undefined ? {} : { [DEFAULT_CONTAINER]: first, [DEFAULT_LOGS_CONTAINER]: first };
}
