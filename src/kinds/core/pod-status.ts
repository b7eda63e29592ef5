import type { KubeObject } from "../object.ts";
import { at, listAt, numberAt, textAt } from "../table/columns.ts";
import { ageSince } from "../table/human-duration.ts";

interface ContainerStatus {
	readonly name: string;
	readonly ready?: boolean;
	readonly started?: boolean;
	readonly restartCount?: number;
	readonly state?: ContainerState;
	readonly lastState?: ContainerState;
}

interface ContainerState {
	readonly waiting?: { readonly reason?: string };
	readonly running?: object;
	readonly terminated?: {
		readonly exitCode: number;
		readonly signal?: number;
		readonly reason?: string;
		readonly finishedAt?: string;
	};
}

/** What `kubectl get pods` prints in READY, STATUS and RESTARTS. */
export interface PodSummary {
	readonly status: string;
	readonly ready: number;
	readonly total: number;
	readonly restarts: number;
	readonly lastRestartAt: string;
}

/** Sums a pod up, in the order of Kubernetes' own printer (pkg/printers/internalversion, printPod). */
export function summarisePod(pod: KubeObject): PodSummary {
	const init = summariseInit(pod);
	const isInitialised = hasCondition(pod, "Initialized");
	const main = init.reason === undefined || isInitialised ? summariseContainers(pod) : undefined;
	const restarted = main ? [...init.sidecars, ...listAt<ContainerStatus>(pod, "status.containerStatuses")] : init.seen;
	return {
		status: deletionStatus(pod) ?? main?.reason ?? init.reason ?? phaseReason(pod),
		ready: init.readySidecars + (main?.ready ?? 0),
		total: listAt(pod, "spec.containers").length + init.sidecarCount,
		restarts: restarted.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0),
		lastRestartAt: restarted.map(({ lastState }) => lastState?.terminated?.finishedAt ?? "").reduce(latest, ""),
	};
}

const latest = (a: string, b: string) => (a > b ? a : b);

function phaseReason(pod: KubeObject): string {
	const gated = listAt<{ type?: string; reason?: string }>(pod, "status.conditions").some(
		({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
	);
	return gated ? "SchedulingGated" : textAt(pod, "status.reason") || textAt(pod, "status.phase");
}

function deletionStatus(pod: KubeObject): string | undefined {
	if (!pod.metadata.deletionTimestamp) return undefined;
	if (textAt(pod, "status.reason") === "NodeLost") return "Unknown";
	const phase = textAt(pod, "status.phase");
	return phase === "Succeeded" || phase === "Failed" ? undefined : "Terminating";
}

function hasCondition(pod: KubeObject, type: string): boolean {
	return listAt<{ type?: string; status?: string }>(pod, "status.conditions").some(
		(condition) => condition.type === type && condition.status === "True",
	);
}

function summariseInit(pod: KubeObject) {
	const specs = listAt<{ name: string; restartPolicy?: string }>(pod, "spec.initContainers");
	const sidecarNames = new Set(specs.filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name));
	const seen: ContainerStatus[] = [];
	let readySidecars = 0;
	let reason: string | undefined;
	for (const [i, status] of listAt<ContainerStatus>(pod, "status.initContainerStatuses").entries()) {
		seen.push(status);
		if (status.state?.terminated?.exitCode === 0) continue;
		if (sidecarNames.has(status.name) && status.started) {
			if (status.ready) readySidecars++;
			continue;
		}
		reason = initReason(status, i, specs.length);
		break;
	}
	const sidecars = seen.filter(({ name }) => sidecarNames.has(name));
	return { reason, readySidecars, seen, sidecars, sidecarCount: sidecarNames.size };
}

function initReason({ state }: ContainerStatus, index: number, total: number): string {
	const { terminated, waiting } = state ?? {};
	if (terminated) return `Init:${terminatedReason(terminated)}`;
	if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
	return `Init:${index}/${total}`;
}

function terminatedReason({ reason, signal, exitCode }: NonNullable<ContainerState["terminated"]>): string {
	return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

/** The first container that is not running decides: the printer walks from the last to the first. */
function summariseContainers(pod: KubeObject): { reason: string; ready: number } {
	let reason = phaseReason(pod);
	let ready = 0;
	for (const { state, ready: isReady } of listAt<ContainerStatus>(pod, "status.containerStatuses").toReversed()) {
		if (state?.waiting?.reason) reason = state.waiting.reason;
		else if (state?.terminated) reason = terminatedReason(state.terminated);
		else if (isReady && state?.running) ready++;
	}
	if (reason === "Completed" && ready > 0) reason = hasCondition(pod, "Ready") ? "Running" : "NotReady";
	return { reason, ready };
}

/** RESTARTS: `3 (2m ago)`. */
export function formatRestarts({ restarts, lastRestartAt }: PodSummary, nowEpochMs: number): string {
	if (restarts === 0 || lastRestartAt === "") return String(restarts);
	return `${restarts} (${ageSince(lastRestartAt, nowEpochMs)} ago)`;
}

/** READINESS GATES: `1/2`. */
export function formatReadinessGates(pod: KubeObject): string {
	const gates = listAt<{ conditionType: string }>(pod, "spec.readinessGates");
	if (gates.length === 0) return "<none>";
	return `${gates.filter(({ conditionType }) => hasCondition(pod, conditionType)).length}/${gates.length}`;
}

/** First pod address or `<none>`. */
export function podAddress(pod: KubeObject): string {
	const first = listAt<{ ip?: string }>(pod, "status.podIPs")[0]?.ip;
	return first || textAt(pod, "status.podIP") || "<none>";
}

/** Quality of service by requests and limits of cpu and memory (kubelet's qos package). */
export function qosClass(pod: KubeObject): "Guaranteed" | "Burstable" | "BestEffort" {
	const containers = [...listAt(pod, "spec.containers"), ...listAt(pod, "spec.initContainers")];
	const isSet = (value: unknown) => value !== undefined && value !== null && String(value) !== "0";
	let any = false;
	let all = true;
	for (const container of containers) {
		for (const resource of ["cpu", "memory"]) {
			const limit = at(container, `resources.limits.${resource}`);
			const request = at(container, `resources.requests.${resource}`);
			any ||= isSet(limit) || isSet(request);
			all &&= isSet(limit) && (request === undefined || String(request) === String(limit));
		}
	}
	if (!any) return "BestEffort";
	return all ? "Guaranteed" : "Burstable";
}

/** Numbers as text, for field selectors. */
export function fieldText(object: KubeObject, path: string): string {
	const value = at(object, path);
	if (value === undefined || value === null) return "";
	return typeof value === "number" ? String(numberAt(object, path)) : String(value);
}
