import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { AdmissionPlugin } from "../admission.ts";
import type { ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import type { KubeletProxy } from "../kubelet/kubelet-proxy.ts";
import type { Store } from "../store/store.ts";
import type { ResourceTable } from "./resource-table.ts";
import type { ServiceAddresses } from "./service-addresses.ts";

/** Where the server tells what happens; pino's methods have this form. */
export interface Logger {
	info(details: object, message: string): void;
	warn(details: object, message: string): void;
	error(details: object, message: string): void;
}

/** What every verb works with. */
export interface ApiContext {
	readonly store: Store;
	readonly resources: ResourceTable;
	readonly admission: readonly AdmissionPlugin[];
	readonly services: ServiceAddresses;
	readonly kubelet: KubeletProxy;
	readonly tokens: ServiceAccountTokens;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
}

/** The current time as object metadata has it: UTC, whole seconds. */
export function timestamp(context: ApiContext): string {
	return `${new Date(context.clock.epochMs()).toISOString().slice(0, 19)}Z`;
}
