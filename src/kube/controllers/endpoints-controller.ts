import { KubeApiError, type KubeClient, type ResourceRef } from "../client/kube-client.ts";
import { indexObjects } from "../client/object-index.ts";
import type { Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { EndpointSlice, EndpointSubset, Endpoints, Service } from "../client/service.ts";
import { matchesSelector } from "../client/workloads.ts";
import { type Controller, type ControllerContext, contextQueue } from "./controller-context.ts";
import { type EndpointGroup, endpointGroups } from "./endpoints-plan.ts";
import { canonicalJson, controllerReference, formatKey, parseKey } from "./object-key.ts";
import { createOwnedObjects, type OwnedObjects } from "./owned-objects.ts";
import { randomSuffix } from "./safe-name.ts";

const SERVICE_LABEL = "kubernetes.io/service-name";
const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "endpointslice-controller.k8s.io";
const HEADLESS_LABEL = "service.kubernetes.io/headless";
/** Of the Endpoints object: tells the slice mirroring of a real cluster that a slice exists already. */
const ENDPOINTS_MANAGED_LABEL = "endpoints.kubernetes.io/managed-by";
const MAX_ENDPOINTS_PER_SLICE = 100;
/** The Endpoints object holds no more; larger Services are read from their slices. */
const MAX_ENDPOINTS_ADDRESSES = 1000;

/** Keeps the EndpointSlices and the Endpoints object of every Service with a selector. */
export function startEndpointsController(context: ControllerContext): Controller {
	const { informers } = context;
	const podsByNamespace = indexObjects(informers.pods, (pod) => [pod.metadata.namespace ?? ""]);
	const slices = createOwnedObjects<EndpointSlice>({
		...context,
		ref: RESOURCES.endpointSlices,
		informer: informers.endpointSlices,
	});
	const queue = contextQueue(context, "endpoints", async (key) => {
		const { name, namespace = "" } = parseKey(key);
		const service = informers.services.get(name, namespace);
		if (!service) return dropEndpoints(context, name, namespace);
		if (!isSelecting(service) || service.metadata.deletionTimestamp !== undefined) return;
		const pods = podsByNamespace.get(namespace).filter((pod) => selects(service, pod));
		const groups = endpointGroups(service, pods);
		await Promise.all([syncSlices(context, service, groups, slices), syncEndpoints(context, service, groups)]);
	});
	const servicesOf = (namespace: string | undefined) =>
		informers.services.list().filter((service) => service.metadata.namespace === namespace && isSelecting(service));

	informers.services.onChange(({ object }) => queue.add(formatKey(object)));
	informers.pods.onChange((change) => {
		const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
		for (const service of servicesOf(change.object.metadata.namespace))
			if (versions.some((pod) => selects(service, pod))) queue.add(formatKey(service));
	});
	informers.endpointSlices.onChange(({ object }) => {
		const service = object.metadata.labels?.[SERVICE_LABEL];
		const isOurs = object.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
		if (service && isOurs) queue.add(`${object.metadata.namespace}/${service}`);
	});
	informers.endpoints.onChange(({ object }) => queue.add(formatKey(object)));
	return { stop: () => queue.stop() };
}

function isSelecting(service: Service): boolean {
	return service.spec.type !== "ExternalName" && Object.keys(service.spec.selector ?? {}).length > 0;
}

function selects(service: Service, pod: Pod): boolean {
	return matchesSelector({ matchLabels: service.spec.selector }, pod.metadata.labels);
}

async function syncSlices(
	context: ControllerContext,
	service: Service,
	groups: readonly EndpointGroup[],
	slices: OwnedObjects<EndpointSlice>,
): Promise<void> {
	const spare = slices
		.ownedBy(service.metadata.uid ?? "")
		.filter((slice) => slice.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER)
		.sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
	const wanted = groups.flatMap(inChunks);
	// A Service without pods keeps one empty slice: its readers see "no endpoints", not "not known yet".
	for (const group of wanted.length > 0 ? wanted : [{ ports: [], endpoints: [] }]) {
		const ports = canonicalJson(group.ports);
		const match = spare.findIndex((slice) => canonicalJson(slice.ports ?? []) === ports);
		// Ports of a slice may change, so any spare one will do when none fits.
		const [present] = spare.splice(Math.max(0, match), 1);
		const next = sliceOf(context, service, group, present);
		if (!present) slices.noteWritten(await context.client.create(RESOURCES.endpointSlices, next));
		else if (!isSameSlice(present, next))
			slices.noteWritten(await context.client.update(RESOURCES.endpointSlices, next));
	}
	for (const surplus of spare) {
		const { name = "", namespace } = surplus.metadata;
		await ignoreGone(context.client.delete(RESOURCES.endpointSlices, name, { namespace }));
		slices.noteDeleted(surplus);
	}
}

function inChunks({ ports, endpoints }: EndpointGroup): EndpointGroup[] {
	const count = Math.ceil(endpoints.length / MAX_ENDPOINTS_PER_SLICE);
	return Array.from({ length: count }, (_, i) => {
		const from = i * MAX_ENDPOINTS_PER_SLICE;
		return { ports, endpoints: endpoints.slice(from, from + MAX_ENDPOINTS_PER_SLICE) };
	});
}

function sliceOf(
	context: ControllerContext,
	service: Service,
	group: EndpointGroup,
	present: EndpointSlice | undefined,
): EndpointSlice {
	const { name = "", namespace } = service.metadata;
	return {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: {
			...present?.metadata,
			name: present?.metadata.name ?? `${name.slice(0, 247)}-${randomSuffix(context.random)}`,
			generateName: `${name}-`,
			namespace,
			labels: { ...labelsOf(service), [SERVICE_LABEL]: name, [MANAGED_BY_LABEL]: MANAGER },
			ownerReferences: [controllerReference(service)],
		},
		addressType: "IPv4",
		endpoints: [...group.endpoints],
		ports: [...group.ports],
	};
}

function isSameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
	const relevant = (slice: EndpointSlice) =>
		canonicalJson([slice.endpoints ?? [], slice.ports ?? [], slice.metadata.labels, slice.metadata.ownerReferences]);
	return relevant(a) === relevant(b);
}

function labelsOf(service: Service): Record<string, string> {
	const labels = { ...service.metadata.labels };
	if (service.spec.clusterIP === "None") labels[HEADLESS_LABEL] = "";
	return labels;
}

async function syncEndpoints(
	context: ControllerContext,
	service: Service,
	groups: readonly EndpointGroup[],
): Promise<void> {
	const { name = "", namespace = "" } = service.metadata;
	const present = context.informers.endpoints.get(name, namespace);
	const labels = { ...labelsOf(service), [ENDPOINTS_MANAGED_LABEL]: "endpoint-controller" };
	const subsets = groups.map(subsetOf).filter((subset) => subset !== undefined);
	const relevant = (object: Endpoints) => canonicalJson([object.subsets ?? [], object.metadata.labels]);
	const next: Endpoints = {
		apiVersion: "v1",
		kind: "Endpoints",
		metadata: { ...present?.metadata, name, namespace, labels },
		subsets,
	};
	if (!present) await createUnlessThere(context.client, RESOURCES.endpoints, next);
	else if (relevant(present) !== relevant(next)) await context.client.update(RESOURCES.endpoints, next);
}

/** Endpoints know ready and not ready only; what terminates is neither. */
function subsetOf({ ports, endpoints }: EndpointGroup): EndpointSubset | undefined {
	const listed = endpoints.filter(({ conditions }) => !conditions.terminating).slice(0, MAX_ENDPOINTS_ADDRESSES);
	const addresses = (ready: boolean) =>
		listed
			.filter(({ conditions }) => conditions.ready === ready)
			.map(({ addresses: [ip = ""], nodeName, targetRef, hostname }) => ({ ip, nodeName, targetRef, hostname }));
	const [ready, notReady] = [addresses(true), addresses(false)];
	if (listed.length === 0) return undefined;
	return {
		...(ready.length > 0 ? { addresses: ready } : {}),
		...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
		ports: [...ports],
	};
}

/** The slices go with the Service by their owner reference; the Endpoints object has none (as upstream). */
async function dropEndpoints(context: ControllerContext, name: string, namespace: string): Promise<void> {
	const present = context.informers.endpoints.get(name, namespace);
	// Endpoints that a user wrote for a Service to come are theirs.
	if (present?.metadata.labels?.[ENDPOINTS_MANAGED_LABEL] === undefined) return;
	await ignoreGone(context.client.delete(RESOURCES.endpoints, name, { namespace }));
}

async function createUnlessThere(client: KubeClient, ref: ResourceRef, object: Endpoints): Promise<void> {
	try {
		await client.create(ref, object);
	} catch (error) {
		// Made a moment ago, and the informer has not shown it yet: its event brings the Service back here.
		if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
	}
}

async function ignoreGone(work: Promise<unknown>): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
	}
}
