/**
 * Names of the resources that Lateen's own parts read and write, as constants: no catalogue is loaded for them (the
 * proxy-side programs only need a URL). `catalogue.test.ts` holds them against the definitions.
 */
function namespaced<P extends string>(group: string, version: string, plural: P) {
	return { group, version, plural, namespaced: true } as const;
}

function clusterWide<P extends string>(group: string, version: string, plural: P) {
	return { group, version, plural, namespaced: false } as const;
}

const ISTIO = "networking.istio.io";
const SECURITY = "security.istio.io";

/** Resource references by camel-case plural. */
export const refs = {
	namespaces: clusterWide("", "v1", "namespaces"),
	nodes: clusterWide("", "v1", "nodes"),
	pods: namespaced("", "v1", "pods"),
	services: namespaced("", "v1", "services"),
	endpoints: namespaced("", "v1", "endpoints"),
	configMaps: namespaced("", "v1", "configmaps"),
	secrets: namespaced("", "v1", "secrets"),
	serviceAccounts: namespaced("", "v1", "serviceaccounts"),
	events: namespaced("", "v1", "events"),
	replicationControllers: namespaced("", "v1", "replicationcontrollers"),
	persistentVolumes: clusterWide("", "v1", "persistentvolumes"),
	persistentVolumeClaims: namespaced("", "v1", "persistentvolumeclaims"),
	deployments: namespaced("apps", "v1", "deployments"),
	replicaSets: namespaced("apps", "v1", "replicasets"),
	statefulSets: namespaced("apps", "v1", "statefulsets"),
	daemonSets: namespaced("apps", "v1", "daemonsets"),
	controllerRevisions: namespaced("apps", "v1", "controllerrevisions"),
	jobs: namespaced("batch", "v1", "jobs"),
	cronJobs: namespaced("batch", "v1", "cronjobs"),
	endpointSlices: namespaced("discovery.k8s.io", "v1", "endpointslices"),
	leases: namespaced("coordination.k8s.io", "v1", "leases"),
	ingresses: namespaced("networking.k8s.io", "v1", "ingresses"),
	ingressClasses: clusterWide("networking.k8s.io", "v1", "ingressclasses"),
	storageClasses: clusterWide("storage.k8s.io", "v1", "storageclasses"),
	priorityClasses: clusterWide("scheduling.k8s.io", "v1", "priorityclasses"),
	customResourceDefinitions: clusterWide("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
	mutatingWebhookConfigurations: clusterWide("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"),
	validatingWebhookConfigurations: clusterWide("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"),
	virtualServices: namespaced(ISTIO, "v1", "virtualservices"),
	destinationRules: namespaced(ISTIO, "v1", "destinationrules"),
	gateways: namespaced(ISTIO, "v1", "gateways"),
	serviceEntries: namespaced(ISTIO, "v1", "serviceentries"),
	workloadEntries: namespaced(ISTIO, "v1", "workloadentries"),
	workloadGroups: namespaced(ISTIO, "v1", "workloadgroups"),
	sidecars: namespaced(ISTIO, "v1", "sidecars"),
	envoyFilters: namespaced(ISTIO, "v1alpha3", "envoyfilters"),
	proxyConfigs: namespaced(ISTIO, "v1beta1", "proxyconfigs"),
	authorizationPolicies: namespaced(SECURITY, "v1", "authorizationpolicies"),
	peerAuthentications: namespaced(SECURITY, "v1", "peerauthentications"),
	requestAuthentications: namespaced(SECURITY, "v1", "requestauthentications"),
	telemetries: namespaced("telemetry.istio.io", "v1", "telemetries"),
	wasmPlugins: namespaced("extensions.istio.io", "v1alpha1", "wasmplugins"),
} as const;
