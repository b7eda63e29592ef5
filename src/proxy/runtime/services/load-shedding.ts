import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { OverloadConfig } from "../../overload/compile-overload.ts";
import { OverloadManager } from "../../overload/overload-manager.ts";

/** An overload manager at work on this process. */
export function startLoadShedding(
	config: OverloadConfig,
	deps: { readonly clock: Clock; readonly random: Random; readonly metrics: Pick<Metrics, "scope"> },
): OverloadManager {
	return new OverloadManager(config, {
		...deps,
		memoryBytes: () => process.memoryUsage.rss(),
		shrinkHeap: collectGarbage,
	});
}

let collect: (() => void) | undefined;

/** V8 gives pages back after a full collection; the function is there only with a flag, which may be set late. */
function collectGarbage(): void {
	if (!collect) {
		setFlagsFromString("--expose_gc");
		collect = runInNewContext("gc") as () => void;
	}
	collect();
}
