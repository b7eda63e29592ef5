// A worker thread of `lateen proxy --concurrency N`.
import { parentPort } from "node:worker_threads";
import { systemClock } from "../lib/clock.ts";
import { systemRandom } from "../lib/random.ts";
import { makeRequestPath } from "../proxy/runtime/request-path.ts";
import { serveWorker } from "../proxy/runtime/workers/serve-worker.ts";
import { createLogging } from "../telemetry/logger.ts";

if (!parentPort) throw new Error("proxy-worker-main runs in a thread of the proxy only");
serveWorker(parentPort, ({ logLevels, drainTimeMs, dnsServer }) => {
	const logging = createLogging({ level: "info" });
	for (const [component, level] of Object.entries(logLevels)) {
		logging.component(component);
		logging.setLevel(component, level);
	}
	return {
		clock: systemClock,
		random: systemRandom,
		logging,
		environment: process.env,
		makeDataPlane: makeRequestPath,
		drainTimeMs,
		dnsServer,
		configPath: "",
		onQuit: () => {},
	};
});
