import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "../../../src/kinds/object.ts";
import { readObjects } from "./apply.ts";
import type { WorkloadNode } from "./received-config.ts";

const ROOT = join(import.meta.dirname, "../../..");
/** Where Lateen's own acceptance rules lie beside a checkout. */
const ACCEPTANCE = join(ROOT, "../shared/acceptance");
const RULES = /istio\.io\//;
/** Release notes, charts, manifests of other programs, and what is for proxies of other kinds; templates are no YAML. */
const LEFT_OUT = /releasenotes|\/(manifests|operator|addons|node_modules|ambient|gatewaycommon)\//;

/** One file of rules. */
export interface CorpusFile {
	/** Below its source's folder. */
	readonly name: string;
	readonly objects: readonly KubeObject[];
}

/** Every file with rules of Istio's in this repository's samples, in the acceptance rules, and in Istio's own samples and tests (its source's folder). */
export function corpus(istioSource: string | undefined): CorpusFile[] {
	const folders = [join(ROOT, "samples"), ACCEPTANCE, istioSource].filter(
		(one) => one !== undefined && existsSync(one),
	);
	return folders.flatMap((folder) =>
		globSync("**/*.{yaml,yml}", { cwd: folder })
			.sort()
			.flatMap((name) => readFile(folder!, name) ?? []),
	);
}

function readFile(folder: string, name: string): CorpusFile | undefined {
	const path = join(folder, name);
	if (LEFT_OUT.test(path.replaceAll("@", "/"))) return undefined;
	const text = readFileSync(path, "utf8");
	if (!RULES.test(text) || text.includes("{{")) return undefined;
	try {
		const objects = readObjects(text).filter(({ kind }) => kind !== "Namespace");
		return objects.some(({ apiVersion }) => RULES.test(apiVersion)) ? { name, objects } : undefined;
	} catch {
		// Istio keeps files that are no YAML, to see them refused.
		return undefined;
	}
}

export const namespaceOf = ({ metadata }: KubeObject): string => metadata.namespace ?? "default";

const INGRESS: WorkloadNode = {
	role: "router",
	name: "gateway",
	namespace: "istio-system",
	ip: "10.9.0.2",
	labels: { app: "istio-ingressgateway", istio: "ingressgateway" },
};
const PRODUCTPAGE: WorkloadNode = {
	role: "sidecar",
	name: "productpage",
	namespace: "default",
	ip: "10.9.0.1",
	labels: { app: "productpage", version: "v1" },
};

interface Selecting {
	readonly workloadSelector?: { readonly labels?: unknown };
	readonly selector?: { readonly matchLabels?: unknown };
}

/** The proxies that rules are about: a gateway and a sidecar, and one for each selector and namespace. */
export function nodesFor(objects: readonly KubeObject[]): WorkloadNode[] {
	const nodes = [INGRESS, PRODUCTPAGE];
	const seen = new Set<string>();
	for (const object of objects) {
		const spec = ((object as { spec?: unknown }).spec ?? {}) as Selecting;
		const role = object.kind === "Gateway" ? "router" : "sidecar";
		const labels =
			spec.workloadSelector?.labels ?? spec.selector?.matchLabels ?? (role === "router" ? spec.selector : {});
		const namespace = namespaceOf(object);
		const key = JSON.stringify([role, namespace, labels]);
		if (seen.has(key) || !isLabels(labels)) continue;
		seen.add(key);
		nodes.push({ role, name: "selected", namespace, ip: "10.9.0.3", labels });
	}
	return nodes;
}

function isLabels(value: unknown): value is Record<string, string> {
	return typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string");
}
