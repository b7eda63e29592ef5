import { startControlPlane } from "../../app/control-plane.ts";
import { explainPortError } from "../../app/port-error.ts";
import { createKubeClient } from "../../kube/client/create-kube-client.ts";
import { loadKubeconfig } from "../../kube/client/load-kubeconfig.ts";
import { systemClock } from "../../lib/clock.ts";
import { PORTS } from "../../lib/names.ts";
import { formatProblem, problem } from "../../lib/problem.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { type CommandInput, defineCommand } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";

export const controlPlane = defineCommand({
	name: "control-plane",
	summary: "Run only the control plane, for any Kubernetes API",
	details: "Watches Services, endpoints, pods and Istio's kinds, and serves ADS to Lateen's proxies and to Envoy.",
	flags: {
		kubeconfig: { value: "file", help: "the cluster (default: $KUBECONFIG)" },
		context: { value: "name", help: "context of the kubeconfig" },
		bind: { value: "ip", help: "address to listen on", default: "127.0.0.1" },
		"xds-port": { value: "port", help: "port of discovery", default: String(PORTS.xds) },
		"debug-port": { value: "port", help: "port of metrics and debug pages", default: String(PORTS.controlPlaneDebug) },
		"log-level": { value: "level", help: "to stderr", default: "info", choices: ["debug", "info", "warning", "error"] },
	},
	examples: ["lateen control-plane --kubeconfig ~/.kube/config"],
	async run({ flag, out, signal }) {
		const file = flag("kubeconfig") ?? process.env.KUBECONFIG;
		if (!file) {
			throw new CommandError(
				EXIT.usage,
				formatProblem(
					problem("LTN4230", "--kubeconfig", "no cluster was named", "give --kubeconfig or set KUBECONFIG"),
				),
			);
		}
		const client = createKubeClient(loadKubeconfig(file, flag("context")));
		const [xdsPort, debugPort] = [portOf(flag, "xds-port"), portOf(flag, "debug-port")];
		const logging = createLogging({ level: flag("log-level") as "info" });
		const start = () =>
			startControlPlane({
				client,
				clock: systemClock,
				logging,
				bind: flag("bind")!,
				xdsPort,
				debugPort,
			});
		const host = flag("bind")!;
		const running = await explainPortError({ port: xdsPort, host, flag: "--xds-port" }, () =>
			explainPortError({ port: debugPort, host, flag: "--debug-port" }, start),
		);
		out.note(
			`Serving xDS on ${flag("bind")}:${running.xdsPort}, debug pages on ${flag("bind")}:${running.debugPort}. Ctrl-C ends it.`,
		);
		await new Promise<void>((resolve) =>
			signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
		);
		await running.close();
		client.close();
		return EXIT.ok;
	},
});

function portOf(flag: CommandInput["flag"], name: string): number {
	const value = Number(flag(name));
	if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
	throw new CommandError(EXIT.usage, formatProblem(problem("LTN4003", `--${name}`, `"${flag(name)}" is not a port`)));
}
