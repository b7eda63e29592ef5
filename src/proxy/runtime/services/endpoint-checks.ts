import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { StartChecks } from "../../cluster/cluster-set.ts";
import { healthChecks } from "../../health/health-checker.ts";
import { Deadlines } from "../../http/deadlines.ts";
import type { LogSinks } from "./log-sinks.ts";

/** The active health checks of a proxy's clusters, with the timers of their connections. */
export interface EndpointChecks {
	readonly start: StartChecks;
	close(): void;
}

export function endpointChecks(on: {
	readonly clock: Clock;
	readonly random: Random;
	readonly metrics: Metrics;
	readonly sinks: LogSinks;
}): EndpointChecks {
	const deadlines = new Deadlines(on.clock);
	const openLog = (path: string) => on.sinks.open({ kind: "file", path });
	return {
		start: healthChecks({ ...on, upstream: { clock: on.clock, deadlines }, openLog }),
		close: () => deadlines.close(),
	};
}
