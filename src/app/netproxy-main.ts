// Process of the node's networking (kube/netproxy). It outlives the mesh process, so that Service and LoadBalancer addresses stay open meanwhile.
import { writeSync } from "node:fs";
import { createKubeClient } from "../kube/client/create-kube-client.ts";
import { loadKubeconfig } from "../kube/client/load-kubeconfig.ts";
import { startNetproxy } from "../kube/netproxy/start-netproxy.ts";
import { addressPlan } from "../lib/address-plan.ts";
import { systemClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { systemRandom } from "../lib/random.ts";
import { createLogging } from "../telemetry/logger.ts";
import type { NetproxyReport } from "./netproxy-process.ts";

const [kubeconfig, block] = process.argv.slice(2) as [string, string];
const logger = createLogging({ level: "info" }).component("netproxy");
const client = createKubeClient(loadKubeconfig(kubeconfig));
const netproxy = await startNetproxy({
	client,
	clock: systemClock,
	random: systemRandom,
	addressPlan: addressPlan(Number(block)),
	logger,
}).catch((error: unknown) => {
	if (!(error instanceof ProblemError)) throw error;
	logger.error({ err: error }, "the node's networking could not be started");
	tell({ problems: error.problems });
	process.exit(1);
});
tell({ problems: [] });

/** File descriptor 3 tells the mesh process that the doors are open, or why they are not. */
function tell(report: NetproxyReport): void {
	try {
		writeSync(3, JSON.stringify(report));
	} catch (error) {
		if (!["EPIPE", "EBADF"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
	}
}

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
	process.on(signal, () => {
		if (stopping) return;
		stopping = true;
		void netproxy.close().then(() => {
			client.close();
			process.exit(0);
		});
	});
}
