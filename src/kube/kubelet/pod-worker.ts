import { join } from "node:path";
import { KubeApiError } from "../client/kube-client.ts";
import type { Condition, Container, Pod, PodStatus } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import { newContainerRecord, type PodRecord } from "./container-record.ts";
import { type ContainerHost, ContainerRunner, type StopReason } from "./container-runner.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { type PodPlace, planLaunch } from "./plan-launch.ts";
import { type PodNetwork, podNetwork, probeAddress } from "./pod-network.ts";
import { OWN_CONDITIONS, type PodView, podStatus } from "./pod-status.ts";
import { makeVolumes, removeFolder, VolumeError, volumeReferences } from "./volumes.ts";

/** Volumes that cannot be made yet are tried again this soon; a ConfigMap that appears brings the pod back at once. */
const VOLUME_RETRY_MS = 2_000;
const STATUS_RETRY_MS = 500;
/** A pod that is deleted serves on for so long: until then its callers have learnt that it leaves, and nobody's request fails. */
const CALLERS_KNOW_MS = 300;
const SAVE_RETRY_MS = 5_000;

/** Runs one pod: everything that happens to it goes through `#pass`, one at a time. */
export class PodWorker {
	readonly #context: KubeletContext;
	readonly #record: PodRecord;
	readonly #network: PodNetwork;
	readonly #init: ContainerRunner[];
	readonly #main: ContainerRunner[];
	readonly #startedAtMs: number;
	#pod: Pod;
	#folders: ReadonlyMap<string, string> | undefined;
	#running: Promise<void> | undefined;
	#again = false;
	#publishing: Promise<void> | undefined;
	#published = "";
	#ownStatus: PodStatus | undefined;
	#termination: Promise<void> | undefined;
	#failure: { reason: string; message: string } | undefined;
	#adoption: Promise<void> | undefined;
	#isAdopted = false; // before that nothing may be started: it might be there already
	#isOver = false;
	#closed = false;
	readonly #timers = new Map<string, () => void>();

	/** `record` is what an earlier run left of this pod. */
	constructor(context: KubeletContext, pod: Pod, record: PodRecord | undefined) {
		const { uid = "", namespace = "", name = "" } = pod.metadata;
		this.#context = context;
		this.#pod = pod;
		this.#startedAtMs = context.clock.epochMs();
		// A record from a mesh that had another address block is of no use but for its counts.
		const kept = record && context.addressPlan.contains(record.podIp) ? record.podIp : undefined;
		const podIp = pod.spec.hostNetwork ? context.addressPlan.nodeIp : (kept ?? context.addresses.allocate());
		this.#record = { uid, namespace, name, podIp, containers: record?.containers ?? {} };
		this.#network = podNetwork(pod, podIp, context.addressPlan);
		const policy = pod.spec.restartPolicy ?? "Always";
		const initPolicy = (container: Container) =>
			container.restartPolicy === "Always" ? "Always" : policy === "Never" ? "Never" : "OnFailure";
		this.#init = (pod.spec.initContainers ?? []).map((container) => this.#runner(container, initPolicy(container)));
		this.#main = pod.spec.containers.map((container) => this.#runner(container, policy));
	}

	get pod(): Pod {
		return this.#pod;
	}

	runner(container: string): ContainerRunner | undefined {
		return [...this.#main, ...this.#init].find((runner) => runner.container.name === container);
	}

	logPath(container: string, run: number): string {
		return this.#context.store.logPath(this.#record, container, run);
	}

	/** Takes over what an earlier run left, then runs the pod. */
	async start(): Promise<void> {
		this.#adoption = this.#adopt();
		await this.#adoption;
		this.#look();
	}

	async #adopt(): Promise<void> {
		try {
			if (Object.values(this.#record.containers).some(({ process }) => process)) await this.#prepare();
		} catch (error) {
			this.#context.log.error(
				{ err: error, pod: this.#record.name },
				"an adopted pod's volumes are not ready, trying again",
			);
		}
		for (const runner of [...this.#init, ...this.#main]) await runner.adopt();
		this.#isAdopted = true;
	}

	/** The pod's object changed. */
	update(pod: Pod): void {
		this.#pod = this.#withOwnStatus(pod);
		this.#look();
	}

	/** What an informer shows may be older than what we wrote: of our own fields ours are right, of the others' theirs. */
	#withOwnStatus(pod: Pod): Pod {
		const own = this.#ownStatus;
		if (!own) return pod;
		const isOurs = ({ type }: Condition) => OWN_CONDITIONS.has(type);
		const theirs = (pod.status?.conditions ?? []).filter((condition) => !isOurs(condition));
		const conditions = [...(own.conditions ?? []).filter(isOurs), ...theirs];
		return { ...pod, status: { ...pod.status, ...own, conditions } };
	}

	/** A ConfigMap or Secret changed: volumes that show it are written anew, and what waited for it is tried. */
	async dataChanged(kind: "configMaps" | "secrets", name: string): Promise<void> {
		if (this.#folders && volumeReferences(this.#pod)[kind].has(name)) await this.#prepare();
		this.#look();
	}

	/** The object is gone: nothing may stay. */
	async destroy(): Promise<void> {
		this.#close();
		await this.#adoption;
		const runners = [...this.#main, ...this.#init];
		for (const runner of runners) runner.killNow();
		await this.#running; // as in shutDown
		await Promise.all(runners.map((runner) => runner.stop(0, "removed")));
		if (!this.#pod.spec.hostNetwork) this.#context.addresses.release(this.#record.podIp);
		await removeFolder(this.#context.store.podDir(this.#record.uid));
		await removeFolder(this.#context.store.podLogDir(this.#record));
	}

	/** The mesh goes down: ends the containers, the pod stays in the API and is run again by the next kubelet. */
	async shutDown(maxGraceMs: number): Promise<void> {
		this.#close();
		await this.#adoption;
		const graceMs = Math.min(maxGraceMs, this.#graceMs());
		await this.#stopContainers(graceMs, "shutdown");
		await this.#running; // a container that was just being started is there when this ends
		await this.#stopContainers(graceMs, "shutdown");
		this.#save();
	}

	/** Lets go of everything without ending the containers. */
	detach(): void {
		this.#close();
		for (const runner of [...this.#main, ...this.#init]) runner.detach();
	}

	#close(): void {
		this.#closed = true;
		for (const cancel of this.#timers.values()) cancel();
		this.#timers.clear();
	}

	/** Asks for a pass; many asks before it begins are one. */
	#look(): void {
		if (this.#closed || !this.#isAdopted) return;
		this.#again = true;
		this.#running ??= this.#loop().finally(() => {
			this.#running = undefined;
			// Asked for between the loop's last look and here.
			if (this.#again) this.#look();
		});
	}

	async #loop(): Promise<void> {
		while (this.#again && !this.#closed) {
			this.#again = false;
			try {
				await this.#pass();
			} catch (error) {
				this.#context.log.error({ err: error, pod: this.#record.name }, "a pod's pass failed, trying again");
				this.#later("pass", STATUS_RETRY_MS);
			}
			this.#publish();
		}
	}

	async #pass(): Promise<void> {
		if (this.#pod.metadata.deletionTimestamp !== undefined) return this.#terminate();
		if (this.#isOver) return;
		if (!this.#folders && !(await this.#prepare())) return;
		this.#checkDeadline();
		if (!this.#failure && (await this.#initialize()))
			await Promise.all(this.#main.map((runner) => runner.ensureRunning()));
		const { phase } = this.#status();
		if (phase !== "Succeeded" && phase !== "Failed") return;
		this.#isOver = true;
		await this.#stopContainers(this.#graceMs());
	}

	/** Volumes and folders; false while something is missing. */
	async #prepare(): Promise<boolean> {
		const dir = this.#context.store.podDir(this.#record.uid);
		try {
			this.#folders = await makeVolumes(this.#pod, this.#network, join(dir, "volumes"), this.#context.sources);
			this.#save();
			return true;
		} catch (error) {
			if (!(error instanceof VolumeError)) throw error;
			const message = `MountVolume.SetUp failed: ${error.message}`;
			this.#context.recorder.record(this.#pod, { type: "Warning", reason: "FailedMount", message });
			this.#later("volumes", VOLUME_RETRY_MS);
			return false;
		}
	}

	/** Init containers one after the other; a native sidecar only has to be up. True when all are through. */
	async #initialize(): Promise<boolean> {
		for (const runner of this.#init) {
			await runner.ensureRunning();
			if (!isThrough(runner)) return false;
		}
		return true;
	}

	#checkDeadline(): void {
		const seconds = this.#pod.spec.activeDeadlineSeconds;
		if (seconds === undefined) return;
		const startMs = Date.parse(this.#pod.status?.startTime ?? "") || this.#startedAtMs;
		const leftMs = startMs + seconds * 1000 - this.#context.clock.epochMs();
		if (leftMs > 0) {
			this.#later("deadline", leftMs);
			return;
		}
		const message = "Pod was active on the node longer than the specified deadline";
		this.#failure = { reason: "DeadlineExceeded", message };
		this.#context.recorder.record(this.#pod, { type: "Normal", reason: "DeadlineExceeded", message });
	}

	/** Ends the pod as its deletion asks, then lets the API server forget it. */
	#terminate(): Promise<void> {
		this.#termination ??= (async () => {
			for (const { isRunning, container } of [...this.#main, ...this.#init])
				if (isRunning) this.#event(container, "Normal", "Killing", `Stopping container ${container.name}`);
			const graceMs = (this.#pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
			if (graceMs > CALLERS_KNOW_MS && this.#main.some(({ isRunning }) => isRunning))
				await this.#pause(CALLERS_KNOW_MS);
			await this.#stopContainers(graceMs);
			await this.#forget();
		})();
		return this.#termination;
	}

	#pause(ms: number): Promise<void> {
		return new Promise((resolve) => this.#timers.set("pause", this.#context.clock.after(ms, resolve)));
	}

	async #forget(): Promise<void> {
		const { name = "", namespace, uid } = this.#pod.metadata;
		for (;;) {
			try {
				await this.#publish();
				const options = { namespace, gracePeriodSeconds: 0, preconditionUid: uid };
				return await this.#context.client.delete(RESOURCES.pods, name, options);
			} catch (error) {
				// Gone, or another pod of that name already: either way it is not ours any more.
				if (error instanceof KubeApiError && (error.code === 404 || error.code === 409)) return;
				this.#context.log.debug({ err: error, pod: name }, "a pod could not be taken off the API server, trying again");
				await this.#pause(STATUS_RETRY_MS);
				if (this.#closed) return;
			}
		}
	}

	/** Containers together, then the native sidecars that served them, the last started first. */
	async #stopContainers(graceMs: number, why?: StopReason): Promise<void> {
		const deadlineMs = this.#context.clock.nowMs() + graceMs;
		const regular = [...this.#main, ...this.#init.filter(({ policy }) => policy !== "Always")];
		await Promise.all(regular.map((runner) => runner.stop(graceMs, why)));
		for (const sidecar of this.#init.filter(({ policy }) => policy === "Always").reverse())
			await sidecar.stop(Math.max(2000, deadlineMs - this.#context.clock.nowMs()), why);
	}

	#graceMs(): number {
		return (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
	}

	#runner(container: Container, policy: "Always" | "OnFailure" | "Never"): ContainerRunner {
		const record = this.#record.containers[container.name] ?? newContainerRecord();
		this.#record.containers[container.name] = record;
		const host: ContainerHost = {
			clock: this.#context.clock,
			log: this.#context.log,
			pod: () => this.#pod,
			plan: (planned) => planLaunch(this.#context, this.#place(), planned),
			logPath: (name, run) => this.logPath(name, run),
			probeAddress: (name, port) => probeAddress(this.#network, name, port),
			event: (about, type, reason, message) => this.#event(about, type, reason, message),
			changed: () => {
				if (this.#closed) return;
				this.#save();
				this.#look();
				void this.#publish();
			},
		};
		return new ContainerRunner(host, container, policy, record);
	}

	#place(): PodPlace {
		const dir = this.#context.store.podDir(this.#record.uid);
		return { pod: this.#pod, network: this.#network, folders: this.#folders ?? new Map(), dir };
	}

	#event(container: Container, type: "Normal" | "Warning", reason: string, message: string): void {
		const list = this.#pod.spec.initContainers?.includes(container) ? "initContainers" : "containers";
		const fieldPath = `spec.${list}{${container.name}}`;
		this.#context.recorder.record(this.#pod, { type, reason, message, fieldPath });
	}

	/** A full disk must not stop the pod: what is not written is only missed by the next kubelet's adoption. */
	#save(): void {
		try {
			this.#context.store.save(this.#record);
		} catch (error) {
			this.#context.log.error({ err: error, pod: this.#record.name }, "a pod's record could not be written");
			if (this.#closed) return;
			const retry = this.#context.clock.after(SAVE_RETRY_MS, () => this.#save());
			this.#timers.set("save", retry);
		}
	}

	#later(name: string, delayMs: number): void {
		this.#timers.get(name)?.();
		this.#timers.set(
			name,
			this.#context.clock.after(delayMs, () => this.#look()),
		);
	}

	#status(): PodStatus {
		const view = (runner: ContainerRunner) => ({
			status: runner.status(),
			isDone: runner.isDone,
			isSidecar: this.#init.includes(runner) && runner.policy === "Always",
		});
		const podView: PodView = {
			pod: this.#pod,
			network: this.#network,
			startedAtMs: this.#startedAtMs,
			nowMs: this.#context.clock.epochMs(),
			isPrepared: this.#folders !== undefined,
			isInitialized: this.#init.every(isThrough),
			init: this.#init.map(view),
			main: this.#main.map(view),
			...(this.#failure ? { failure: this.#failure } : {}),
		};
		return podStatus(podView);
	}

	/** Writes the status if it differs from what was written last; one write at a time, the newest state wins. */
	async #publish(): Promise<void> {
		while (this.#publishing) await this.#publishing;
		const status = this.#status();
		const text = JSON.stringify(status);
		if (text === this.#published || this.#closed) return;
		this.#published = text;
		const { name = "", namespace, uid } = this.#pod.metadata;
		const patch = { metadata: { uid }, status };
		this.#publishing = this.#context.client
			.patch<Pod>(RESOURCES.pods, name, patch, { namespace, subresource: "status" })
			.then(() => {
				this.#ownStatus = status;
				this.#pod = this.#withOwnStatus(this.#pod);
			})
			.catch((error: unknown) => {
				this.#published = "";
				if (error instanceof KubeApiError && (error.code === 404 || error.code === 409)) return;
				this.#context.log.debug({ err: error, pod: name }, "a pod's status could not be written, trying again");
				this.#later("status", STATUS_RETRY_MS);
			})
			.finally(() => {
				this.#publishing = undefined;
			});
		await this.#publishing;
	}
}

/** Whether the next init container, or the pod itself, may start. */
function isThrough({ policy, record, isDone }: ContainerRunner): boolean {
	if (policy === "Always") return record.started;
	return isDone && record.state.terminated?.exitCode === 0;
}
