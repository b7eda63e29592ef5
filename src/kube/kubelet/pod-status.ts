import { timestamp } from "../client/event-recorder.ts";
import { type Condition, type ContainerStatus, conditionOf, type Pod, type PodStatus } from "../client/pod.ts";
import type { PodNetwork } from "./pod-network.ts";

/** What a pod's status is made from. */
export interface PodView {
	readonly pod: Pod;
	readonly network: PodNetwork;
	readonly startedAtMs: number;
	readonly nowMs: number;
	/** Volumes and address are there. */
	readonly isPrepared: boolean;
	readonly isInitialized: boolean;
	readonly init: readonly ContainerView[];
	readonly main: readonly ContainerView[];
	/** Set when the pod was ended as a whole (DeadlineExceeded). */
	readonly failure?: { readonly reason: string; readonly message: string };
}

export interface ContainerView {
	readonly status: ContainerStatus;
	/** Ended, and not to be started again. */
	readonly isDone: boolean;
	readonly isSidecar: boolean;
}

/** Condition types that the pod runner writes; all others belong to someone else. */
export const OWN_CONDITIONS: ReadonlySet<string> = new Set([
	"PodReadyToStartContainers",
	"Initialized",
	"Ready",
	"ContainersReady",
	"PodScheduled",
]);

/** The status of a pod as Kubernetes words it, from what its containers do. Keeps conditions that are others'. */
export function podStatus(view: PodView): PodStatus {
	const { pod, network, failure } = view;
	const phase = phaseOf(view);
	const waiting = view.isInitialized || view.init.length === 0 ? "ContainerCreating" : "PodInitializing";
	return {
		...pod.status,
		phase,
		...(failure ?? {}),
		hostIP: network.hostIp,
		hostIPs: [{ ip: network.hostIp }],
		podIP: network.podIp,
		podIPs: [{ ip: network.podIp }],
		startTime: pod.status?.startTime ?? timestamp(view.startedAtMs),
		conditions: conditionsOf(view, phase),
		...(view.init.length > 0
			? { initContainerStatuses: view.init.map(({ status }) => shown(status, "PodInitializing")) }
			: {}),
		containerStatuses: view.main.map(({ status }) => shown(status, waiting)),
	};
}

/** A container that nothing happened to yet waits. */
function shown(status: ContainerStatus, reason: string): ContainerStatus {
	const { waiting, running, terminated } = status.state;
	return waiting || running || terminated ? status : { ...status, state: { waiting: { reason } } };
}

function phaseOf({ pod, init, main, failure, isInitialized }: PodView): NonNullable<PodStatus["phase"]> {
	if (failure) return "Failed";
	const failedInit = init.some(({ isDone, isSidecar, status }) => isDone && !isSidecar && exitCode(status) !== 0);
	if (failedInit) return "Failed";
	if (!isInitialized) return "Pending";
	if (main.every(({ isDone }) => isDone))
		return main.every(({ status }) => exitCode(status) === 0) ? "Succeeded" : "Failed";
	const hasRun = ({ status }: ContainerView) =>
		Boolean(status.state.running || status.state.terminated || status.lastState.terminated);
	return main.every(hasRun) || pod.status?.phase === "Running" ? "Running" : "Pending";
}

function exitCode(status: ContainerStatus): number {
	return status.state.terminated?.exitCode ?? 0;
}

function conditionsOf(view: PodView, phase: string): Condition[] {
	const { pod, init, main } = view;
	const isOver = phase === "Succeeded" || phase === "Failed";
	const counted = [...init.filter(({ isSidecar }) => isSidecar), ...main];
	const unready = counted.filter(({ status }) => !status.ready).map(({ status }) => status.name);
	const uninitialized = init.filter(({ status, isSidecar, isDone }) => (isSidecar ? !status.started : !isDone));
	const pending = uninitialized.map(({ status }) => status.name);
	const gates = (pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
	const closed = gates.filter((type) => conditionOf(pod, type)?.status !== "True");
	const notReady = phase === "Succeeded" ? ["PodCompleted", ""] : phase === "Failed" ? ["PodFailed", ""] : undefined;
	const containersReady = isOver ? notReady : unready.length > 0 && unreadyContainers("unready", unready);
	const verdicts: readonly (readonly [string, readonly string[] | false | undefined])[] = [
		["PodReadyToStartContainers", !view.isPrepared || isOver ? ["", ""] : undefined],
		["Initialized", !view.isInitialized && !isOver ? unreadyContainers("incomplete", pending) : undefined],
		["Ready", containersReady || (closed.length > 0 ? gatesClosed(closed) : undefined)],
		["ContainersReady", containersReady],
		["PodScheduled", undefined],
	];
	const own = verdicts.map(([type, why]) => condition(view, type, why || undefined));
	const others = (pod.status?.conditions ?? []).filter(({ type }) => !own.some((mine) => mine.type === type));
	return [...own, ...others];
}

function unreadyContainers(word: string, names: readonly string[]): readonly [string, string] {
	const reason = word === "unready" ? "ContainersNotReady" : "ContainersNotInitialized";
	return [reason, `containers with ${word} status: [${names.join(" ")}]`];
}

function gatesClosed(types: readonly string[]): readonly [string, string] {
	return ["ReadinessGatesNotReady", `the status of pod readiness gate "${types[0]}" is not "True"`];
}

/** `why` says what is missing; none means the condition holds. */
function condition({ pod, nowMs }: PodView, type: string, why: readonly string[] | undefined): Condition {
	const [reason = "", message = ""] = why ?? [];
	const status = why ? "False" : "True";
	const before = conditionOf(pod, type);
	const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(nowMs);
	return {
		type,
		status,
		...(reason === "" ? {} : { reason }),
		...(message === "" ? {} : { message }),
		lastProbeTime: null,
		lastTransitionTime,
	};
}
