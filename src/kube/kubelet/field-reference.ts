import { cpus, totalmem } from "node:os";
import type { Container, Pod } from "../client/pod.ts";

/**
 * The value of a `fieldRef`; undefined when the path is not one that Kubernetes allows. `status` holds what the runner
 * knows before the API server does (podIP).
 */
export function fieldValue(pod: Pod, path: string, status: { podIp: string; hostIp: string }): string | undefined {
	const { metadata, spec } = pod;
	const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
	if (keyed) return metadata[keyed[1] as "labels" | "annotations"]?.[keyed[2] ?? ""] ?? "";
	const values: Readonly<Record<string, string | undefined>> = {
		"metadata.name": metadata.name,
		"metadata.namespace": metadata.namespace,
		"metadata.uid": metadata.uid,
		"metadata.labels": formatMap(metadata.labels),
		"metadata.annotations": formatMap(metadata.annotations),
		"spec.nodeName": spec.nodeName ?? "",
		"spec.serviceAccountName": spec.serviceAccountName ?? "default",
		"status.podIP": status.podIp,
		"status.podIPs": status.podIp,
		"status.hostIP": status.hostIp,
		"status.hostIPs": status.hostIp,
	};
	return values[path];
}

function formatMap(map: Readonly<Record<string, string>> = {}): string {
	return Object.entries(map)
		.map(([key, value]) => `${key}=${JSON.stringify(value)}`)
		.join("\n");
}

/** The value of a `resourceFieldRef`: the container's own figure, or the machine's where it has none (as upstream). */
export function resourceValue(container: Container, resource: string, divisor = "1"): string {
	const [kind = "limits", name = ""] = resource.split(".");
	const own = container.resources?.[kind as "limits" | "requests"]?.[name];
	const fallback = name === "cpu" ? cpus().length : name === "memory" ? totalmem() : 0;
	const amount = own === undefined ? fallback : parseQuantity(own);
	return String(Math.ceil(amount / (parseQuantity(divisor) || 1)));
}

const SUFFIX: Readonly<Record<string, number>> = {
	m: 1e-3,
	k: 1e3,
	M: 1e6,
	G: 1e9,
	T: 1e12,
	Ki: 2 ** 10,
	Mi: 2 ** 20,
	Gi: 2 ** 30,
	Ti: 2 ** 40,
};

/** `500m`, `128Mi`, `2` → number; 0 for anything else (the API server has refused that already). */
export function parseQuantity(text: string): number {
	const match = /^([\d.]+(?:e\d+)?)([A-Za-z]*)$/.exec(text);
	if (!match) return 0;
	return Number(match[1]) * (match[2] === "" ? 1 : (SUFFIX[match[2] ?? ""] ?? 0));
}
