import type { KubeObject } from "../../kinds/object.ts";
import type { WorkloadOwner } from "./pod-template.ts";

const HASH_LABEL = "pod-template-hash";

/** What a pod belongs to: a ReplicaSet made by a Deployment counts as the Deployment, a pod of nobody as itself. */
export function workloadOwner(pod: KubeObject): WorkloadOwner {
	const owner = pod.metadata.ownerReferences?.find((o) => o.controller);
	if (!owner) {
		const name = pod.metadata.name ?? pod.metadata.generateName?.replace(/-$/, "") ?? "";
		return { apiVersion: "v1", kind: "Pod", name };
	}
	const suffix = `-${pod.metadata.labels?.[HASH_LABEL] ?? ""}`;
	if (owner.kind === "ReplicaSet" && suffix !== "-" && owner.name.endsWith(suffix))
		return { apiVersion: owner.apiVersion, kind: "Deployment", name: owner.name.slice(0, -suffix.length) };
	return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name };
}

/** `kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v1`. */
export function formatOwner({ apiVersion, kind, name }: WorkloadOwner, namespace: string): string {
	return `kubernetes://apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}

/** Canonical service name and revision, from the labels that people use (istio-security-telemetry-cli.md 2.3). */
export function canonicalLabels(
	labels: Readonly<Record<string, string>>,
	owner: WorkloadOwner,
): Record<string, string> {
	const fallback = owner.name.slice(0, 63).replace(/[-_.]+$/, "");
	const name = labels["service.istio.io/canonical-name"] ?? labels["app.kubernetes.io/name"] ?? labels.app ?? fallback;
	const revision =
		labels["service.istio.io/canonical-revision"] ?? labels["app.kubernetes.io/version"] ?? labels.version ?? "latest";
	return { "service.istio.io/canonical-name": name, "service.istio.io/canonical-revision": revision };
}
