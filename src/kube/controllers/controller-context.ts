import type { AddressPlan } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { createEventRecorder, type EventRecorder } from "../client/event-recorder.ts";
import type { KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import type { Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { ConfigMap, EndpointSlice, Endpoints, Namespace, Node, Service } from "../client/service.ts";
import { createWorkQueue, type WorkQueue } from "../client/work-queue.ts";
import type { Deployment, Job, ReplicaSet } from "../client/workloads.ts";

/** What every controller is handed. */
export interface ControllerContext {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly addressPlan: AddressPlan;
	readonly log: Log;
	/** Written to every namespace as ConfigMap kube-root-ca.crt; none is written when absent. */
	readonly caPem?: string;
	readonly informers: SharedInformers;
	/** Resolves when all informers have listed: a decision on half the picture would make things twice. */
	readonly synced: Promise<void>;
}

/** A loop that is running; `stop` resolves when nothing of it runs any more. */
export interface Controller {
	stop(): Promise<void>;
}

/** One informer per resource for all controllers. */
export type SharedInformers = ReturnType<typeof createSharedInformers>;

export function createSharedInformers(client: KubeClient) {
	return {
		namespaces: client.informer<Namespace>(RESOURCES.namespaces),
		nodes: client.informer<Node>(RESOURCES.nodes),
		pods: client.informer<Pod>(RESOURCES.pods),
		services: client.informer<Service>(RESOURCES.services),
		endpoints: client.informer<Endpoints>(RESOURCES.endpoints),
		endpointSlices: client.informer<EndpointSlice>(RESOURCES.endpointSlices),
		serviceAccounts: client.informer(RESOURCES.serviceAccounts),
		configMaps: client.informer<ConfigMap>(RESOURCES.configMaps),
		deployments: client.informer<Deployment>(RESOURCES.deployments),
		replicaSets: client.informer<ReplicaSet>(RESOURCES.replicaSets),
		jobs: client.informer<Job>(RESOURCES.jobs),
	};
}

/** A work queue of this context. */
export function contextQueue(
	context: ControllerContext,
	name: string,
	reconcile: (key: string) => Promise<void>,
	concurrency = 8,
): WorkQueue {
	const onceSynced = async (key: string) => {
		await context.synced;
		await reconcile(key);
	};
	return createWorkQueue({ name, clock: context.clock, log: context.log, reconcile: onceSynced, concurrency });
}

/** An event recorder of this context. */
export function contextRecorder(context: ControllerContext, component: string): EventRecorder {
	return createEventRecorder({ client: context.client, clock: context.clock, log: context.log, component });
}
