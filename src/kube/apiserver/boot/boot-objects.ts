import { parseApiVersion } from "../../../kinds/api-version.ts";
import { kindOfObject } from "../../../kinds/catalogue.ts";
import { istioCrds } from "../../../kinds/istio/istio-crds.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import type { AddressPlan } from "../../../lib/address-plan.ts";
import type { User } from "../auth/authenticate.ts";
import { isEqual } from "../managed-fields/field-set.ts";
import type { ApiContext } from "../rest/api-context.ts";
import { createObject } from "../rest/create-object.ts";
import { keyOf, type RequestScope, type WriteRequest } from "../rest/request-scope.ts";
import { updateObject } from "../rest/update-object.ts";

const SYSTEM: User = { name: "system:apiserver", groups: ["system:masters"] };
const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Those that every cluster has; manifests of system components name them. */
const PRIORITY_CLASSES: readonly KubeObject[] = [
	priorityClass("system-node-critical", 2_000_001_000, "that must not be moved from their current node."),
	priorityClass("system-cluster-critical", 2_000_000_000, "that must run in the cluster."),
];

function priorityClass(name: string, value: number, which: string): KubeObject {
	const description = `Used for system critical pods ${which}`;
	return { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value, description };
}

/** Where the server is reached, for the Service default/kubernetes. */
export interface ServerAddress {
	readonly plan: AddressPlan;
	readonly bind: string;
	readonly port: number;
}

/** Creates the namespaces, PriorityClasses and Istio's CustomResourceDefinitions that are missing, and brings outdated CRDs up to date. */
export async function ensureBootObjects(context: ApiContext): Promise<void> {
	await Promise.all([
		...NAMESPACES.map((name) => ensure(context, { apiVersion: "v1", kind: "Namespace", metadata: { name } })),
		...PRIORITY_CLASSES.map((one) => ensure(context, one)),
		...istioCrds().map((crd) => ensure(context, crd)),
	]);
}

/**
 * Creates or corrects `default/kubernetes` with its endpoints, how programs inside the mesh reach the API, and makes it anew when
 * somebody deletes it. The result stops that.
 */
export async function keepKubernetesService(context: ApiContext, address: ServerAddress): Promise<() => void> {
	const { store, logger } = context;
	await ensureKubernetesService(context, address);
	return store.watch({ resource: "core/services", namespace: "default" }, store.revision, ({ type, current }) => {
		if (type !== "delete" || current.object.metadata.name !== "kubernetes") return;
		ensureKubernetesService(context, address).catch((error: unknown) =>
			logger.error({ err: error }, "the Service default/kubernetes cannot be made anew"),
		);
	});
}

async function ensureKubernetesService(context: ApiContext, address: ServerAddress): Promise<void> {
	const { plan, bind, port } = address;
	const labels = { component: "apiserver", provider: "kubernetes" };
	const metadata = { name: "kubernetes", namespace: "default" };
	const ports = [{ name: "https", port, protocol: "TCP" }];
	const objects: KubeObject[] = [
		{
			apiVersion: "v1",
			kind: "Service",
			metadata: { ...metadata, labels },
			spec: {
				clusterIP: plan.kubernetesServiceIp,
				ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: port }],
			},
		},
		{
			apiVersion: "v1",
			kind: "Endpoints",
			metadata: { ...metadata, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
			subsets: [{ addresses: [{ ip: bind }], ports }],
		},
		{
			apiVersion: "discovery.k8s.io/v1",
			kind: "EndpointSlice",
			metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
			addressType: "IPv4",
			endpoints: [{ addresses: [bind], conditions: { ready: true } }],
			ports,
		},
	];
	await Promise.all(objects.map((object) => ensure(context, object)));
}

/** Creates an object, or overwrites the members that it names when they differ. */
async function ensure(context: ApiContext, object: KubeObject): Promise<void> {
	const scope = scopeOf(context, object);
	const live = context.store.get(keyOf(scope))?.object;
	const request = requestOf(scope);
	if (!live) {
		await createObject(context, request, object);
		return;
	}
	if (live.metadata.deletionTimestamp) return;
	const { metadata, status: _status, ...wanted } = object;
	await updateObject(context, request, "object", (current) => {
		const labels = { ...current.metadata.labels, ...metadata.labels };
		const annotations = { ...current.metadata.annotations, ...metadata.annotations };
		const next = { ...current, ...wanted, metadata: { ...current.metadata } };
		if (Object.keys(labels).length > 0) next.metadata.labels = labels;
		if (Object.keys(annotations).length > 0) next.metadata.annotations = annotations;
		return isEqual(next, current) ? current : next;
	});
}

function scopeOf({ resources }: ApiContext, object: KubeObject): RequestScope {
	const { group, version } = parseApiVersion(object.apiVersion);
	const kind = kindOfObject(object);
	const resource = kind && resources.find(group, version, kind.plural);
	if (!resource) throw new Error(`the kind ${object.kind} of ${object.apiVersion} is not served`);
	return { resource, namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "", subresource: "" };
}

function requestOf(scope: RequestScope): WriteRequest {
	const fieldManager = "lateen-apiserver";
	return {
		scope,
		user: SYSTEM,
		isReplace: false,
		dryRun: false,
		fieldManager,
		fieldValidation: "Ignore",
		warn: () => {},
	};
}
