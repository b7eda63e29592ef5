import type { ResourceRef } from "./kube-client.ts";

const core = (plural: string, namespaced = true): ResourceRef => ({ group: "", version: "v1", plural, namespaced });
const inGroup = (group: string, version: string, plural: string, namespaced = true): ResourceRef => ({
	group,
	version,
	plural,
	namespaced,
});

/** The built-in resources that Lateen's own parts read and write. */
export const RESOURCES = {
	namespaces: core("namespaces", false),
	nodes: core("nodes", false),
	pods: core("pods"),
	services: core("services"),
	endpoints: core("endpoints"),
	configMaps: core("configmaps"),
	secrets: core("secrets"),
	serviceAccounts: core("serviceaccounts"),
	events: core("events"),
	deployments: inGroup("apps", "v1", "deployments"),
	replicaSets: inGroup("apps", "v1", "replicasets"),
	jobs: inGroup("batch", "v1", "jobs"),
	endpointSlices: inGroup("discovery.k8s.io", "v1", "endpointslices"),
	leases: inGroup("coordination.k8s.io", "v1", "leases"),
	customResourceDefinitions: inGroup("apiextensions.k8s.io", "v1", "customresourcedefinitions", false),
} as const satisfies Record<string, ResourceRef>;
