import { Document, isMap, parseAllDocuments } from "yaml";
import type { KubeObject } from "../../kinds/object.ts";
import type { Problem } from "../../lib/problem.ts";
import { problem } from "../../lib/problem.ts";
import { addProxy, type ProxyPlace } from "./inject-pod.ts";
import type { InjectionConfig } from "./injection-config.ts";
import { INJECT_LABEL, unfitness } from "./injection-decision.ts";
import { checkAnnotations } from "./pod-annotations.ts";
import { workloadOwner } from "./workload-owner.ts";

/** What `kube-inject` gives: YAML, each document followed by `---`, and what was left as it is. */
export interface InjectedManifests {
	readonly text: string;
	/** Sentences for people: what was skipped and why. */
	readonly skipped: readonly string[];
	/** Not empty: nothing can be given. */
	readonly problems: readonly Problem[];
}

/** Where a kind keeps its pod template. */
const TEMPLATE_PATHS: Readonly<Record<string, readonly string[]>> = {
	Deployment: ["spec", "template"],
	DaemonSet: ["spec", "template"],
	StatefulSet: ["spec", "template"],
	ReplicaSet: ["spec", "template"],
	ReplicationController: ["spec", "template"],
	Job: ["spec", "template"],
	CronJob: ["spec", "jobTemplate", "spec", "template"],
	Pod: [],
};

interface Run {
	readonly config: InjectionConfig;
	readonly namespace: string;
	readonly skipped: string[];
	readonly problems: Problem[];
}

/** Adds the proxy to every workload of a YAML text, as `istioctl kube-inject` does: whatever the namespace's labels say. */
export function injectManifests(
	yaml: string,
	{ config, namespace }: { readonly config: InjectionConfig; readonly namespace: string },
): InjectedManifests {
	const run: Run = { config, namespace, skipped: [], problems: [] };
	const parts: string[] = [];
	parseAllDocuments(yaml).forEach((document, i) => {
		for (const error of document.errors)
			run.problems.push(problem("LTN1512", `document ${i + 1}`, `is not YAML: ${error.message.split("\n")[0]}`));
		if (document.errors.length > 0 || !isMap(document.contents)) return;
		const object = document.toJS() as KubeObject;
		const injected = injectObject(object, run);
		parts.push(injected === object ? document.toString() : new Document(injected).toString());
	});
	const text =
		run.problems.length > 0 ? "" : parts.map((part) => `${part.replace(/^---\n/, "").trimEnd()}\n---\n`).join("");
	return { text, skipped: run.skipped, problems: run.problems };
}

function injectObject(object: KubeObject, run: Run): KubeObject {
	if (object.kind === "List" && Array.isArray(object.items))
		return { ...object, items: (object.items as KubeObject[]).map((item) => injectObject(item, run)) };
	const path = TEMPLATE_PATHS[object.kind];
	if (!path) return object;
	const template = path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
	if (typeof template !== "object" || template === null) return object;
	const injected = injectTemplate(object, template as Partial<KubeObject>, run);
	return injected ? (replaceAt(object, path, injected) as KubeObject) : object;
}

/** The template with the proxy, undefined when it stays without. */
function injectTemplate(object: KubeObject, template: Partial<KubeObject>, run: Run): unknown {
	const { kind } = object;
	const { name, namespace = run.namespace } = object.metadata;
	const pod: KubeObject = { apiVersion: "v1", kind: "Pod", ...template, metadata: template.metadata ?? {} };
	const wish = pod.metadata.labels?.[INJECT_LABEL];
	const unfit = wish === "false" ? { reason: `the pod is labelled ${INJECT_LABEL}=false` } : unfitness(pod, namespace);
	if (unfit) {
		run.skipped.push(`${kind} ${namespace}/${name} is left as it is: ${unfit.reason}`);
		return undefined;
	}
	const problems = checkAnnotations(pod.metadata.annotations ?? {});
	run.problems.push(...problems.map((p) => ({ ...p, path: `${kind}/${name} ${p.path}` })));
	const owner = kind === "Pod" ? workloadOwner(object) : { apiVersion: object.apiVersion, kind, name: name ?? "" };
	const place: ProxyPlace = { namespace, owner, config: run.config };
	const { metadata, spec } = addProxy(pod, place);
	return { ...template, metadata, spec };
}

function replaceAt(value: unknown, path: readonly string[], replacement: unknown): unknown {
	const [key, ...rest] = path;
	if (key === undefined) return replacement;
	const object = value as Record<string, unknown>;
	return { ...object, [key]: replaceAt(object[key], rest, replacement) };
}
