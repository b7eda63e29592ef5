import { writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { parseLogLevel } from "../telemetry/logger.ts";
import { exitWithProblems } from "./proxy.ts";
import { renderSidecar, type SidecarRole } from "./sidecar-bootstrap.ts";

const BOOTSTRAP_FILE = "bootstrap.json";
/** A stopping sidecar goes on accepting for so long: endpoints are withdrawn at the same time, and that takes a moment. */
const LAME_DUCK_MS = 500;
const DRAIN_TIME_MS = 45_000;

/**
 * `lateen sidecar [proxy] [sidecar|router]`: the container `istio-proxy` of a pod. Renders its bootstrap from the environment,
 * runs the proxy and the agent's ports in this process.
 */
export async function runSidecar(argv: readonly string[]): Promise<void> {
	enableCompileCache();
	try {
		const role: SidecarRole = argv.includes("router") ? "router" : "sidecar";
		const settings = renderSidecar(process.env, role);
		const text = JSON.stringify(settings.bootstrap, undefined, "\t");
		writeFileSync(BOOTSTRAP_FILE, `${text}\n`, { mode: 0o600 });
		const { parseBootstrap } = await import("../proxy/runtime/bootstrap/bootstrap-file.ts");
		const { hostProxy } = await import("./proxy-host.ts");
		const hosted = await hostProxy(await parseBootstrap(text, BOOTSTRAP_FILE), {
			level: parseLogLevel(flag(argv, "--proxyLogLevel") ?? "info") ?? "info",
			componentLevels: [],
			drainTimeMs: DRAIN_TIME_MS,
			shutdownMs: settings.drainMs,
			lameDuckMs: LAME_DUCK_MS,
			configPath: BOOTSTRAP_FILE,
			dnsServer: settings.dnsServer,
		});
		const { startAgent } = await import("./sidecar-agent.ts");
		const agent = await startAgent(settings, hosted);
		hosted.onStopped(() => agent.close());
	} catch (error) {
		exitWithProblems(error);
		// What is half started must not keep the process, or the pod would never be restarted.
		process.exit();
	}
}

/** The value of `--name=value` or `--name value`. */
function flag(argv: readonly string[], name: string): string | undefined {
	const at = argv.findIndex((word) => word === name || word.startsWith(`${name}=`));
	if (at < 0) return undefined;
	const word = argv[at]!;
	return word === name ? argv[at + 1] : word.slice(name.length + 1);
}
