import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logging } from "../../telemetry/logger.ts";
import type { MakeDataPlane } from "./data-plane.ts";
import type { WorkerStart } from "./workers/worker-messages.ts";
import type { WorkerPool } from "./workers/worker-pool.ts";

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
	readonly worker?: Pick<WorkerStart, "ports" | "ticketSecret">;
	/** Somebody asked by `/quitquitquit`. */
	onQuit(): void;
}
