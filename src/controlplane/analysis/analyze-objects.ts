import type { KubeObject } from "../../kinds/object.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../model/mesh-config.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { SnapshotBuilder, type SnapshotSources } from "../model/snapshot-builder.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import { ANALYZERS, analyze } from "./analyze.ts";

export interface ObjectsToAnalyze {
	/** Everything at hand, any kinds in any order; of several objects of one name the last counts (files over cluster). */
	readonly objects: readonly KubeObject[];
	/** True when the objects hold a cluster's Pods and Services, not only files. */
	readonly hasCluster: boolean;
	readonly mesh?: MeshConfig;
	/** Names of analyzers; all that can run when absent. */
	readonly analyzers?: readonly string[];
}

export interface AnalysisReport {
	readonly messages: readonly AnalysisMessage[];
	/** Analyzers that could not run, because what they look at is only in a cluster. */
	readonly skipped: readonly string[];
}

/** Where each kind goes, by API group and kind. */
const SOURCES: Readonly<Record<string, keyof Omit<SnapshotSources, "mesh">>> = {
	"/Service": "services",
	"discovery.k8s.io/EndpointSlice": "endpointSlices",
	"/Pod": "pods",
	"/Node": "nodes",
	"/Namespace": "namespaces",
	"networking.istio.io/VirtualService": "virtualServices",
	"networking.istio.io/DestinationRule": "destinationRules",
	"networking.istio.io/Gateway": "gateways",
	"networking.istio.io/ServiceEntry": "serviceEntries",
};

/** Analyzers that compare rules with what runs. */
const NEED_CLUSTER: ReadonlySet<string> = new Set([
	"destinationrule.HostAndSubsetAnalyzer",
	"gateway.SelectorAnalyzer",
	"virtualservice.ReferenceAnalyzer",
]);

/** Analyzes objects that come from a cluster, from files, or from both. */
export function analyzeObjects({ objects, hasCluster, mesh, analyzers }: ObjectsToAnalyze): AnalysisReport {
	const newest = new Map(objects.map((object) => [identity(object), object]));
	const unique = [...newest.values()];
	const snapshot = snapshotOf(unique, mesh);
	const wanted = analyzers ?? Object.keys(ANALYZERS);
	const canRun = (name: string) => hasCluster || !NEED_CLUSTER.has(name);
	return {
		messages: analyze({ snapshot, objects: unique }, wanted.filter(canRun)),
		skipped: wanted.filter((name) => !canRun(name)),
	};
}

/** What the control plane makes of these objects. */
export function snapshotOf(objects: readonly KubeObject[], mesh: MeshConfig = DEFAULT_MESH_CONFIG): Snapshot {
	const lists = Object.fromEntries(Object.values(SOURCES).map((list): [string, KubeObject[]] => [list, []]));
	for (const object of objects) {
		const list = sourceOf(object);
		if (list) lists[list]!.push(object);
	}
	return new SnapshotBuilder().build({ ...lists, mesh } as unknown as SnapshotSources);
}

function sourceOf(object: KubeObject) {
	return SOURCES[`${groupOf(object)}/${object.kind}`];
}

function groupOf({ apiVersion }: KubeObject): string {
	const slash = apiVersion.indexOf("/");
	return slash < 0 ? "" : apiVersion.slice(0, slash);
}

function identity(object: KubeObject): string {
	const { namespace = "", name = "" } = object.metadata;
	return JSON.stringify([groupOf(object), object.kind, namespace, name]);
}
