import type { AddressPlan } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import { type Controller, createSharedInformers } from "./controller-context.ts";
import { startDeploymentController } from "./deployment/deployment-controller.ts";
import { startEndpointsController } from "./endpoints-controller.ts";
import { startEventCleaner } from "./event-cleaner.ts";
import { startGarbageCollector } from "./garbage/garbage-collector.ts";
import { startMissingControllers } from "./missing-controllers.ts";
import { startNamespaceController } from "./namespace-controller.ts";
import { startReplicaSetController } from "./replica-set-controller.ts";
import { startScheduler } from "./scheduler.ts";
import { startServiceAccountController } from "./service-account-controller.ts";
import { startServiceAddressController } from "./service-address-controller.ts";

export interface ControllersOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly addressPlan: AddressPlan;
	readonly logger: Log;
	/** The API server's authority, for ConfigMap kube-root-ca.crt in every namespace. */
	readonly caPem?: string;
}

export interface Controllers {
	/** Resolves when every controller has seen the cluster's present state once. */
	readonly synced: Promise<void>;
	stop(): Promise<void>;
}

const CONTROLLERS = [
	startDeploymentController,
	startReplicaSetController,
	startScheduler,
	startEndpointsController,
	startServiceAddressController,
	startServiceAccountController,
	startNamespaceController,
	startGarbageCollector,
	startMissingControllers,
	startEventCleaner,
];

/** Starts all controllers of a cluster against any Kubernetes API; they share one set of informers. */
export function startControllers({ logger, ...options }: ControllersOptions): Controllers {
	const informers = createSharedInformers(options.client);
	const synced = Promise.all(Object.values(informers).map((informer) => informer.synced)).then(() => undefined);
	const context = { ...options, log: logger, informers, synced };
	// Handlers first, informers second: nothing that the first lists bring is missed.
	const running: Controller[] = CONTROLLERS.map((start) => start(context));
	for (const informer of Object.values(informers)) informer.start();
	return {
		synced,
		async stop() {
			for (const informer of Object.values(informers)) informer.stop();
			await Promise.all(running.map((controller) => controller.stop()));
		},
	};
}
