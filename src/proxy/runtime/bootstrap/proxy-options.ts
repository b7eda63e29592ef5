import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logging } from "../../../telemetry/logger.ts";
import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { ListenerView, ServerState } from "../../admin/admin-context.ts";
import type { ResourceUpdate } from "../../xdsclient/resource-update.ts";
import type { MakeDataPlane } from "../data-plane.ts";
import type { WorkerStart } from "../workers/worker-messages.ts";
import type { WorkerPool } from "../workers/worker-pool.ts";

/** What a proxy is given by the process that it runs in. */
export interface ProxyOptions<L> {
	readonly clock: Clock;
	readonly random: Random;
	readonly logging: Logging;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly makeDataPlane: MakeDataPlane<L>;
	/** How long connections of removed listeners may finish (Envoy: 600 s). */
	readonly drainTimeMs: number;
	/** `ip:port` for DNS clusters instead of the system's resolver. */
	readonly dnsServer: string | undefined;
	/** For `/server_info`. */
	readonly configPath: string;
	/** The other threads of this process; undefined: there is one thread. */
	readonly workers?: WorkerPool;
	/** This is one of the other threads: no admin, no control plane of its own. `ports`: what port 0 became in the main thread. */
	readonly worker?: Pick<WorkerStart, "ports" | "ticketSecret"> & {
		/** Asks the main thread for virtual hosts of a route configuration. */
		demand(owner: string, names: readonly string[]): void;
	};
	/** Somebody asked by `/quitquitquit`. */
	onQuit(): void;
}

/** A proxy that runs. */
export interface RunningProxy {
	readonly registry: MetricRegistry;
	/** Undefined when the bootstrap has no admin address. */
	readonly admin: { readonly ip: string; readonly port: number } | undefined;
	listeners(): readonly ListenerView[];
	state(): ServerState;
	/** Empty when clusters and listeners were accepted once and the listeners are open; else what is missing. */
	notReady(): string;
	/** Puts into force what another thread accepted. */
	apply(update: ResourceUpdate): void;
	failHealthcheck(failed: boolean): void;
	reopenLogs(): void;
	/** Stops accepting, lets requests finish, cuts what is left after `withinMs`. */
	drain(withinMs: number): Promise<void>;
	/** Ends everything now. */
	close(): Promise<void>;
}
