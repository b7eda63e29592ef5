const VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"];

/** `group/version` → plural, kind, namespaced. */
const SERVED: Readonly<Record<string, readonly (readonly [string, string, boolean])[]>> = {
	v1: [
		["namespaces", "Namespace", false],
		["nodes", "Node", false],
		["pods", "Pod", true],
		["services", "Service", true],
		["endpoints", "Endpoints", true],
		["configmaps", "ConfigMap", true],
		["secrets", "Secret", true],
		["serviceaccounts", "ServiceAccount", true],
		["events", "Event", true],
	],
	"apps/v1": [
		["deployments", "Deployment", true],
		["replicasets", "ReplicaSet", true],
	],
	"batch/v1": [["jobs", "Job", true]],
	"discovery.k8s.io/v1": [["endpointslices", "EndpointSlice", true]],
};

/** The plain discovery document at that path, if it is one. */
export function fakeDiscovery(path: string): unknown {
	if (path === "/apis") {
		const groups = Object.keys(SERVED).filter((groupVersion) => groupVersion.includes("/"));
		return { kind: "APIGroupList", groups: groups.map((groupVersion) => ({ preferredVersion: { groupVersion } })) };
	}
	const served = SERVED[path.replace(/^\/apis?\//, "")];
	if (!served) return undefined;
	const resources = served.map(([name, kind, namespaced]) => ({ name, kind, namespaced, verbs: VERBS }));
	return { kind: "APIResourceList", resources: [...resources, { name: "pods/status", kind: "Pod", namespaced: true }] };
}
