import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { Clock } from "../../lib/clock.ts";
import { timestamp } from "../client/event-recorder.ts";
import type { Log } from "../client/log.ts";
import type { Container, ContainerStatus, Pod, ProbeHandler, TerminatedState } from "../client/pod.ts";
import { type LogRecorder, recordLogTimes, timesPath } from "./container-log.ts";
import { type ContainerProbes, createContainerProbes } from "./container-probes.ts";
import { adoptProcess, type ContainerProcess, type Exit, startProcess } from "./container-process.ts";
import type { ContainerRecord } from "./container-record.ts";
import { afterExit, delayMs, formatDelay, remainingMs } from "./crash-backoff.ts";
import { type ExecContext, runExec } from "./exec-process.ts";
import { ConfigError } from "./launch-environment.ts";
import { runProbe } from "./probe.ts";
import { signalGroup } from "./process-identity.ts";
import { terminationMessage } from "./termination-message.ts";

/** When an ended container is started again. */
export type RestartPolicy = "Always" | "OnFailure" | "Never";

/** Why a container is ended when it is not for its pod's sake: such an end runs no preStop hook. */
export type StopReason = "shutdown" | "removed" | "postStart failed";

/** What a container needs from its pod. */
export interface ContainerHost {
	readonly clock: Clock;
	readonly log: Log;
	pod(): Pod;
	/** What to run now. Throws ConfigError or ImageError with the sentence for the user. */
	plan(container: Container): Promise<LaunchPlan>;
	logPath(container: string, run: number): string;
	/** The address for a probe of that container and port. */
	probeAddress(container: string, port: number): string;
	event(container: Container, type: "Normal" | "Warning", reason: string, message: string): void;
	/** Something that status or record shows has changed. */
	changed(): void;
}

export interface LaunchPlan extends ExecContext {
	readonly argv: readonly string[];
	readonly imageId: string;
}

/** No program is known for the image. */
export class ImageError extends Error {
	override name = "ImageError";
}

/** One container of a pod: starts it, watches it, starts it again by its policy, stops it. */
export class ContainerRunner {
	readonly container: Container;
	readonly policy: RestartPolicy;
	readonly record: ContainerRecord;
	readonly #host: ContainerHost;
	#process: ContainerProcess | undefined;
	#plan: LaunchPlan | undefined;
	#probes: ContainerProbes | undefined;
	#logTimes: LogRecorder | undefined;
	#launching = false;
	#isShutDown = false;
	#stopping: Promise<void> | undefined;
	#cancelWait = () => {};
	/** Aborted when the present run has ended: whoever follows its log stops. */
	#runEnded = new AbortController();

	constructor(host: ContainerHost, container: Container, policy: RestartPolicy, record: ContainerRecord) {
		this.#host = host;
		this.container = container;
		this.policy = policy;
		this.record = record;
	}

	get isRunning(): boolean {
		return this.#process !== undefined;
	}

	/** Ended, and by its policy not to be started again. */
	get isDone(): boolean {
		const ended = this.record.state.terminated;
		return ended !== undefined && !this.#isRestarted(ended.exitCode);
	}

	get runEnded(): AbortSignal {
		return this.#runEnded.signal;
	}

	/** Where exec commands run; undefined while the container does not run. */
	get execContext(): ExecContext | undefined {
		return this.#process && this.#plan;
	}

	/** Of a running container that asks for it; an adopted one has lost it. */
	get stdin(): Writable | undefined {
		return this.#process?.stdin;
	}

	/** Takes over the process that an earlier kubelet left, or notes that it is gone. */
	async adopt(): Promise<void> {
		const left = this.record.process;
		if (!left) return;
		const process = adoptProcess(left, left.startedAtMs, this.#host.clock);
		this.#process = process;
		if (!process) return this.#ended({ exitCode: 137, unknown: true }, left.startedAtMs);
		try {
			this.#plan = await this.#host.plan(this.container);
		} catch (error) {
			// Something that it needed at its start is gone: it runs on, only exec has no environment.
			this.#host.log.warn({ err: error, container: this.container.name }, "an adopted container's plan is not known");
		}
		this.#watch(process);
		this.#startProbes();
	}

	/** Starts the container unless it runs, is done, or has to wait; asks for another look when the wait is over. */
	async ensureRunning(): Promise<void> {
		if (this.#process || this.#launching || this.#stopping || this.isDone) return;
		const { clock } = this.#host;
		const waitMs = remainingMs(this.record.backoff, clock.epochMs());
		if (waitMs > 0) return this.#wait(waitMs);
		this.#launching = true;
		try {
			await this.#launch();
		} finally {
			this.#launching = false;
			this.#host.changed();
		}
	}

	/** Ends the container: hook, SIGTERM, and SIGKILL when the grace period is over. Resolves when nothing of it is left. */
	stop(graceMs: number, why?: StopReason): Promise<void> {
		this.#cancelWait();
		this.#isShutDown ||= why === "shutdown";
		this.#stopping ??= this.#stop(graceMs, why).finally(() => {
			this.#stopping = undefined;
		});
		return this.#stopping;
	}

	/** SIGKILL, now. */
	killNow(): void {
		this.#cancelWait();
		this.#process?.signal("SIGKILL");
	}

	/** Lets go without ending the process: it will be adopted. */
	detach(): void {
		this.#cancelWait();
		this.#probes?.stop();
		void this.#logTimes?.stop();
	}

	status(): ContainerStatus {
		const { state, lastState, ready, started, runs, imageId, containerId } = this.record;
		return {
			name: this.container.name,
			image: this.container.image ?? "",
			imageID: imageId,
			...(containerId === undefined ? {} : { containerID: containerId }),
			state,
			lastState,
			ready,
			started,
			restartCount: Math.max(0, runs - 1),
		};
	}

	#isRestarted(exitCode: number): boolean {
		return this.policy === "Always" || (this.policy === "OnFailure" && exitCode !== 0);
	}

	#wait(waitMs: number): void {
		const { record, container } = this;
		if (record.state.terminated) {
			const { name, namespace, uid } = this.#host.pod().metadata;
			const about = `restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`;
			const message = `back-off ${formatDelay(delayMs(record.backoff!))} ${about}`;
			record.lastState = record.state;
			record.state = { waiting: { reason: "CrashLoopBackOff", message } };
			this.#host.event(
				container,
				"Warning",
				"BackOff",
				`Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`,
			);
			this.#host.changed();
		}
		this.#cancelWait();
		this.#cancelWait = this.#host.clock.after(waitMs, () => this.#host.changed());
	}

	async #launch(): Promise<void> {
		const { record, container } = this;
		const { clock } = this.#host;
		try {
			this.#plan = await this.#host.plan(container);
		} catch (error) {
			return this.#refused(error);
		}
		if (record.state.terminated) record.lastState = record.state;
		const image = container.image ?? "";
		this.#host.event(container, "Normal", "Pulled", `Container image "${image}" already present on machine`);
		record.containerId = `lateen://${randomUUID().replaceAll("-", "")}`;
		record.imageId = this.#plan.imageId;
		record.runs++;
		const logPath = this.#host.logPath(container.name, record.runs - 1);
		try {
			this.#process = await startProcess({ ...this.#plan, logPath, stdin: container.stdin === true }, clock);
		} catch (error) {
			return this.#notStarted(error);
		}
		this.#host.event(container, "Normal", "Created", `Created container: ${container.name}`);
		this.#host.event(container, "Normal", "Started", `Started container ${container.name}`);
		const { identity, startedAtMs } = this.#process;
		record.process = { ...identity, startedAtMs };
		record.state = { running: { startedAt: timestamp(startedAtMs) } };
		void this.#forgetOldLogs();
		this.#watch(this.#process);
		this.#host.changed();
		await this.#afterStart();
	}

	async #afterStart(): Promise<void> {
		const hook = this.container.lifecycle?.postStart;
		if (hook) {
			const failure = await this.#runHook(hook, 30_000);
			if (failure !== undefined) {
				this.#host.event(this.container, "Warning", "FailedPostStartHook", `PostStartHook failed: ${failure}`);
				return this.stop(this.#graceMs(), "postStart failed");
			}
		}
		if (this.#process) this.#startProbes();
	}

	#startProbes(): void {
		const { container, record } = this;
		this.#probes = createContainerProbes({
			container,
			clock: this.#host.clock,
			wasStarted: record.started,
			target: {
				ports: container.ports ?? [],
				address: (port) => this.#host.probeAddress(container.name, port),
				exec: (command, timeoutMs) => runExec(command, this.#context(), timeoutMs, this.#host.clock),
			},
			onStarted: () => {
				record.started = true;
				this.#host.changed();
			},
			onReady: (ready) => {
				record.ready = ready;
				this.#host.changed();
			},
			onUnhealthy: (kind, message) =>
				this.#host.event(container, "Warning", "Unhealthy", `${kind} probe failed: ${message}`),
			onDead: (kind, graceSeconds) => {
				const message = `Container ${container.name} failed ${kind} probe, will be restarted`;
				this.#host.event(container, "Normal", "Killing", message);
				void this.stop(graceSeconds === undefined ? this.#graceMs() : graceSeconds * 1000);
			},
		});
	}

	#context(): ExecContext {
		if (!this.#plan) throw new Error(`the environment of container ${this.container.name} is not known`);
		return this.#plan;
	}

	#watch(process: ContainerProcess): void {
		const logPath = this.#host.logPath(this.container.name, this.record.runs - 1);
		this.#runEnded = new AbortController();
		if (existsSync(logPath)) this.#logTimes = recordLogTimes(logPath, this.#host.clock, this.#host.log);
		void process.exited.then((exit) => this.#ended(exit, process.startedAtMs));
	}

	#ended(exit: Exit, startedAtMs: number): void {
		const { record, container } = this;
		const nowMs = this.#host.clock.epochMs();
		const left = record.process;
		// Children that the main process left behind go with it, as they would with a container.
		if (left) signalGroup(left.pid, "SIGKILL");
		this.#probes?.stop();
		void this.#logTimes?.stop().finally(() => this.#runEnded.abort());
		if (!this.#logTimes) this.#runEnded.abort();
		this.#process = undefined;
		record.process = undefined;
		record.ready = false;
		record.started = false;
		// Ended because the mesh went down, or while nobody watched: no crash, so the next start does not wait.
		const isOurs = exit.unknown || this.#isShutDown;
		record.backoff = isOurs ? undefined : afterExit(record.backoff, nowMs, nowMs - startedAtMs);
		const message = terminationMessage(container, exit, this.#host.logPath(container.name, record.runs - 1));
		const terminated: TerminatedState = {
			exitCode: exit.exitCode,
			...(exit.signal === undefined ? {} : { signal: exit.signal }),
			reason: exit.unknown ? "ContainerStatusUnknown" : exit.exitCode === 0 ? "Completed" : "Error",
			...(message === undefined ? {} : { message }),
			startedAt: timestamp(startedAtMs),
			finishedAt: timestamp(nowMs),
			containerID: record.containerId,
		};
		record.state = { terminated };
		this.#host.changed();
	}

	async #stop(graceMs: number, why?: StopReason): Promise<void> {
		const process = this.#process;
		if (!process) return;
		const { clock } = this.#host;
		const deadlineMs = clock.nowMs() + graceMs;
		this.#probes?.stop();
		const hook = this.container.lifecycle?.preStop;
		if (hook && why === undefined && graceMs > 0) {
			const failure = await this.#runHook(hook, graceMs);
			if (failure !== undefined)
				this.#host.event(this.container, "Warning", "FailedPreStopHook", `PreStopHook failed: ${failure}`);
		}
		process.signal(graceMs > 0 ? "SIGTERM" : "SIGKILL");
		const cancel = clock.after(Math.max(0, deadlineMs - clock.nowMs()), () => process.signal("SIGKILL"));
		await process.exited;
		cancel();
	}

	/** Undefined, or why the hook failed. */
	async #runHook(hook: ProbeHandler & { sleep?: { seconds: number } }, timeoutMs: number): Promise<string | undefined> {
		const { clock } = this.#host;
		if (hook.sleep) {
			const ms = Math.min(timeoutMs, hook.sleep.seconds * 1000);
			await Promise.race([new Promise<void>((resolve) => void clock.after(ms, resolve)), this.#process?.exited]);
			return undefined;
		}
		const result = await runProbe(
			{ ...hook, timeoutSeconds: timeoutMs / 1000 },
			{
				ports: this.container.ports ?? [],
				address: (port) => this.#host.probeAddress(this.container.name, port),
				exec: (command, ms) => runExec(command, this.#context(), ms, clock),
			},
		);
		return result.ok ? undefined : result.message;
	}

	#graceMs(): number {
		return (this.#host.pod().spec.terminationGracePeriodSeconds ?? 30) * 1000;
	}

	/** There is nothing to start: say why, try again later. */
	#refused(error: unknown): void {
		const { record, container } = this;
		if (!(error instanceof ImageError) && !(error instanceof ConfigError)) throw error;
		const nowMs = this.#host.clock.epochMs();
		const isAgain = record.backoff !== undefined;
		record.backoff = afterExit(record.backoff, nowMs, 0);
		if (error instanceof ConfigError) {
			record.state = { waiting: { reason: "CreateContainerConfigError", message: error.message } };
			this.#host.event(container, "Warning", "Failed", `Error: ${error.message}`);
			return;
		}
		const reason = isAgain ? "ImagePullBackOff" : "ErrImagePull";
		record.state = { waiting: { reason, message: error.message } };
		const image = container.image ?? "";
		const message = isAgain
			? `Back-off pulling image "${image}": ${error.message}`
			: `Failed to pull image "${image}": ${error.message}`;
		this.#host.event(container, isAgain ? "Normal" : "Warning", isAgain ? "BackOff" : "Failed", message);
	}

	#notStarted(error: unknown): void {
		const { record, container } = this;
		const message = `failed to start container "${container.name}": ${error instanceof Error ? error.message : String(error)}`;
		this.#host.event(container, "Warning", "Failed", `Error: ${message}`);
		const nowMs = this.#host.clock.epochMs();
		record.backoff = afterExit(record.backoff, nowMs, 0);
		const at = timestamp(nowMs);
		record.state = { terminated: { exitCode: 128, reason: "StartError", message, startedAt: at, finishedAt: at } };
	}

	/** The present log and the one before are kept. */
	async #forgetOldLogs(): Promise<void> {
		const old = this.#host.logPath(this.container.name, this.record.runs - 3);
		for (const file of [old, `${old}.1`, timesPath(old)]) await rm(file, { force: true });
	}
}
