import type { Clock } from "../../lib/clock.ts";
import type { Container, Probe } from "../client/pod.ts";
import { type ProbeTarget, runProbe } from "./probe.ts";
import { type Prober, type ProberOptions, startProber } from "./prober.ts";

/** The probes of one run of a container. */
export interface ContainerProbes {
	stop(): void;
}

export interface ContainerProbesOptions {
	readonly container: Container;
	readonly clock: Clock;
	readonly target: ProbeTarget;
	/** An adopted container that had passed its startup probe does not have to again. */
	readonly wasStarted: boolean;
	onStarted(): void;
	onReady(ready: boolean): void;
	/** A failure that counts: `Readiness`, `Liveness`, `Startup`. */
	onUnhealthy(kind: string, message: string): void;
	/** The container must be ended; `graceSeconds` when the probe sets its own. */
	onDead(kind: "startup" | "liveness", graceSeconds: number | undefined): void;
}

/** Startup first, then readiness and liveness side by side; without a probe the answer is yes. */
export function createContainerProbes(options: ContainerProbesOptions): ContainerProbes {
	const { container, clock, target } = options;
	const running = new Set<Prober>();
	const repeat = (kind: string, probe: Probe, eager: boolean, onVerdict: ProberOptions["onVerdict"]) => {
		const onFailure = (message: string) => options.onUnhealthy(kind, message);
		const prober = startProber({ probe, clock, eager, run: () => runProbe(probe, target), onVerdict, onFailure });
		running.add(prober);
		return prober;
	};
	const begin = () => {
		options.onStarted();
		const { readinessProbe, livenessProbe } = container;
		if (readinessProbe) repeat("Readiness", readinessProbe, true, (ok) => options.onReady(ok));
		else options.onReady(true);
		if (!livenessProbe) return;
		repeat("Liveness", livenessProbe, false, (ok) => {
			if (!ok) options.onDead("liveness", livenessProbe.terminationGracePeriodSeconds);
		});
	};
	const { startupProbe } = container;
	if (!startupProbe || options.wasStarted) begin();
	else {
		const prober = repeat("Startup", startupProbe, true, (ok) => {
			prober.stop();
			if (ok) begin();
			else options.onDead("startup", startupProbe.terminationGracePeriodSeconds);
		});
	}
	return {
		stop() {
			for (const prober of running) prober.stop();
		},
	};
}
