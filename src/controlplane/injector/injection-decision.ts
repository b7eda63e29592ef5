import type { KubeObject } from "../../kinds/object.ts";

type Labels = Readonly<Record<string, string>>;

export interface InjectionPolicy {
	/** Revision or tag that this control plane answers to. */
	readonly revision: string;
	/** Inject where neither namespace nor pod says anything. */
	readonly enabledByDefault: boolean;
}

/** Whether a pod gets a sidecar, and why: the sentence is for people. */
export interface InjectionDecision {
	readonly inject: boolean;
	readonly reason: string;
}

const SYSTEM_NAMESPACES = new Set(["kube-system", "kube-public", "kube-node-lease", "local-path-storage"]);
export const INJECT_LABEL = "sidecar.istio.io/inject";
const NAMESPACE_LABEL = "istio-injection";
const REVISION_LABEL = "istio.io/rev";

/** The two gates of injection: labels select the webhook, then the pod itself may be unfit (istio-security-telemetry-cli.md 5.1). */
export function decideInjection(
	pod: KubeObject,
	namespace: { readonly name: string; readonly labels: Labels },
	policy: InjectionPolicy,
): InjectionDecision {
	const selected = selectByLabels(pod.metadata.labels ?? {}, namespace.labels, policy);
	if (!selected.inject) return selected;
	return unfitness(pod, namespace.name) ?? selected;
}

/** The table of labels: `istio-injection` beats `istio.io/rev`, and a namespace that says no cannot be overruled. */
function selectByLabels(
	pod: Labels,
	namespace: Labels,
	{ revision, enabledByDefault }: InjectionPolicy,
): InjectionDecision {
	const wish = pod[INJECT_LABEL];
	const injection = namespace[NAMESPACE_LABEL];
	if (injection === "disabled") return no(`the namespace is labelled ${NAMESPACE_LABEL}=disabled`);
	if (wish === "false") return no(`the pod is labelled ${INJECT_LABEL}=false`);
	if (injection === "enabled") return yes(`the namespace is labelled ${NAMESPACE_LABEL}=enabled`);
	const namespaceRevision = namespace[REVISION_LABEL];
	if (namespaceRevision !== undefined)
		return namespaceRevision === revision
			? yes(`the namespace is labelled ${REVISION_LABEL}=${revision}`)
			: no(`the namespace belongs to revision ${namespaceRevision}`);
	const podRevision = pod[REVISION_LABEL];
	if (podRevision !== undefined)
		return podRevision === revision
			? yes(`the pod is labelled ${REVISION_LABEL}=${revision}`)
			: no(`the pod belongs to revision ${podRevision}`);
	if (wish === "true") return yes(`the pod is labelled ${INJECT_LABEL}=true`);
	if (enabledByDefault) return yes("injection is on by default");
	return no("neither the namespace nor the pod asks for it");
}

/** Why a pod gets no sidecar whoever asks; undefined when it can have one. */
export function unfitness(pod: KubeObject, namespace: string): InjectionDecision | undefined {
	if ((pod.spec as { hostNetwork?: unknown } | undefined)?.hostNetwork === true)
		return no("the pod uses the host's network");
	if (SYSTEM_NAMESPACES.has(namespace)) return no(`${namespace} is a system namespace`);
	const annotation = pod.metadata.annotations?.[INJECT_LABEL];
	const labelled = pod.metadata.labels?.[INJECT_LABEL] !== undefined;
	if (!labelled && annotation === "false") return no(`the pod is annotated ${INJECT_LABEL}=false`);
	return undefined;
}

const yes = (reason: string): InjectionDecision => ({ inject: true, reason });
const no = (reason: string): InjectionDecision => ({ inject: false, reason });
