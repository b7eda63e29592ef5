import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { HealthCheckConfig } from "../cluster/health/check-config.ts";
import { type CheckResult, CheckSession, firstCheckMs, nextCheckMs } from "../cluster/health/check-session.ts";
import type { CheckLog } from "./check-log.ts";
import type { Probe } from "./probe.ts";

interface HostCheckerDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly scope: StatScope;
	readonly log: CheckLog;
	probe(onLost: () => void): Probe;
	hadTraffic(): boolean;
	/** A check ended; `changed`: what balancing looks at has changed. */
	onResult(ok: boolean, changed: boolean): void;
}

/** Asks one host again and again. */
export class HostChecker {
	readonly #host: ClusterHost;
	readonly #config: HealthCheckConfig;
	readonly #deps: HostCheckerDeps;
	readonly #session: CheckSession;
	readonly #probe: Probe;
	#cancelNext = () => {};
	#cancelTimeout = () => {};
	#closed = false;

	constructor(host: ClusterHost, config: HealthCheckConfig, deps: HostCheckerDeps) {
		this.#host = host;
		this.#config = config;
		this.#deps = deps;
		this.#session = new CheckSession(host.check!, config);
		this.#probe = deps.probe(() => this.#end({ ok: false, failure: "network" }));
	}

	start(): void {
		const delayMs = firstCheckMs(this.#config.intervals, this.#deps.random);
		this.#cancelNext = this.#deps.clock.after(delayMs, () => this.#ask());
	}

	/** Something else says that the host is out; the next check comes as planned. */
	fail(result: Extract<CheckResult, { ok: false }>): void {
		this.#take(result);
	}

	close(): void {
		this.#closed = true;
		this.#cancelNext();
		this.#cancelTimeout();
		this.#probe.close();
	}

	#ask(): void {
		this.#count("attempt");
		this.#cancelTimeout = this.#deps.clock.after(this.#config.timeoutMs, () => {
			this.#probe.giveUp();
			this.#end({ ok: false, failure: "timeout" });
		});
		this.#probe.ask((result) => this.#end(result));
	}

	#end(result: CheckResult): void {
		if (this.#closed) return;
		this.#cancelTimeout();
		this.#cancelNext();
		const transition = this.#take(result);
		if (this.#closed) return;
		const last = { ok: result.ok, transition, hadTraffic: this.#deps.hadTraffic() };
		const delayMs = nextCheckMs(this.#config.intervals, last, this.#deps.random);
		this.#cancelNext = this.#deps.clock.after(delayMs, () => this.#ask());
	}

	#take(result: CheckResult) {
		const before = { first: this.#session.first, ...this.#host.check! };
		const transition = this.#session.result(result);
		this.#countResult(result);
		this.#deps.log.result(this.#host, result, before);
		this.#deps.onResult(result.ok, transition === "changed");
		return transition;
	}

	#countResult(result: CheckResult): void {
		this.#count(result.ok ? "success" : "failure");
		if (result.ok) return;
		if (result.failure === "network" || result.failure === "timeout") this.#count("network_failure");
		else if (result.failure === "passive") this.#count("passive_failure");
	}

	#count(name: string): void {
		this.#deps.scope.counter(`health_check.${name}`).inc();
	}
}
