import type { AddressPlan } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import type { Service } from "../client/service.ts";
import type { FindProgram } from "./images.ts";
import type { NodeEnvironment } from "./launch-environment.ts";
import type { PodAddresses } from "./pod-addresses.ts";
import type { PodStore } from "./pod-store.ts";
import type { VolumeSources } from "./volumes.ts";

/** What all pods of a node share. */
export interface KubeletContext {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly log: Log;
	readonly addressPlan: AddressPlan;
	readonly addresses: PodAddresses;
	readonly store: PodStore;
	readonly recorder: EventRecorder;
	readonly findProgram: FindProgram;
	readonly sources: VolumeSources;
	readonly nodeEnvironment: NodeEnvironment;
	services(): readonly Service[];
}
