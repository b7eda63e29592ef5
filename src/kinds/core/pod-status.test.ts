import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../object.ts";
import { formatRestarts, qosClass, summarisePod } from "./pod-status.ts";

type Json = Record<string, unknown>;

const running = (name: string, more: Json = {}) => ({
	name,
	ready: true,
	restartCount: 0,
	state: { running: {} },
	...more,
});

function pod(spec: Json, status: Json, metadata: Json = {}): KubeObject {
	return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, spec, status };
}

const two = { containers: [{ name: "app" }, { name: "istio-proxy" }] };
const statusOf = (object: KubeObject) => summarisePod(object).status;

test("a pod whose containers run is Running with all of them ready", () => {
	const summary = summarisePod(
		pod(two, { phase: "Running", containerStatuses: [running("app"), running("istio-proxy")] }),
	);
	assert.deepEqual([summary.ready, summary.total, summary.status, summary.restarts], [2, 2, "Running", 0]);
});

test("the first container that does not run decides", () => {
	const waiting = { name: "app", ready: false, restartCount: 3, state: { waiting: { reason: "CrashLoopBackOff" } } };
	const object = pod(two, { phase: "Running", containerStatuses: [waiting, running("istio-proxy")] });
	assert.equal(statusOf(object), "CrashLoopBackOff");
	assert.equal(summarisePod(object).ready, 1);
});

test("before its containers run a pod is Pending, then ContainerCreating", () => {
	assert.equal(statusOf(pod(two, { phase: "Pending" })), "Pending");
	const creating = { name: "app", state: { waiting: { reason: "ContainerCreating" } } };
	assert.equal(statusOf(pod(two, { phase: "Pending", containerStatuses: [creating] })), "ContainerCreating");
});

test("init containers are counted until they are done", () => {
	const spec = { ...two, initContainers: [{ name: "a" }, { name: "b" }] };
	const done = { name: "a", state: { terminated: { exitCode: 0 } } };
	const statuses = (second: Json) =>
		pod(spec, { phase: "Pending", initContainerStatuses: [done, { name: "b", ...second }] });
	assert.equal(statusOf(statuses({ state: { running: {} } })), "Init:1/2");
	assert.equal(statusOf(statuses({ state: { waiting: { reason: "ErrImagePull" } } })), "Init:ErrImagePull");
	assert.equal(statusOf(statuses({ state: { terminated: { exitCode: 7 } } })), "Init:ExitCode:7");
});

test("a native sidecar counts among the ready containers", () => {
	const spec = { containers: [{ name: "app" }], initContainers: [{ name: "istio-proxy", restartPolicy: "Always" }] };
	const status = {
		phase: "Running",
		initContainerStatuses: [running("istio-proxy", { started: true, restartCount: 1 })],
		containerStatuses: [running("app")],
	};
	const summary = summarisePod(pod(spec, status));
	assert.deepEqual([summary.ready, summary.total, summary.status, summary.restarts], [2, 2, "Running", 1]);
});

test("ends and deletion", () => {
	const completed = { name: "app", state: { terminated: { exitCode: 0, reason: "Completed" } } };
	const failed = { name: "app", state: { terminated: { exitCode: 1, reason: "Error" } } };
	const killed = { name: "app", state: { terminated: { exitCode: 137, signal: 9 } } };
	const one = { containers: [{ name: "app" }] };
	assert.equal(statusOf(pod(one, { phase: "Succeeded", containerStatuses: [completed] })), "Completed");
	assert.equal(statusOf(pod(one, { phase: "Failed", containerStatuses: [failed] })), "Error");
	assert.equal(statusOf(pod(one, { phase: "Failed", containerStatuses: [killed] })), "Signal:9");
	const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z" };
	assert.equal(statusOf(pod(one, { phase: "Running", containerStatuses: [running("app")] }, deleted)), "Terminating");
	assert.equal(statusOf(pod(one, { phase: "Succeeded", containerStatuses: [completed] }, deleted)), "Completed");
	assert.equal(statusOf(pod(one, { phase: "Failed", reason: "Evicted" })), "Evicted");
});

test("restarts tell when the last one was", () => {
	const lastState = { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:00:00Z" } };
	const status = { phase: "Running", containerStatuses: [running("app", { restartCount: 3, lastState })] };
	const summary = summarisePod(pod({ containers: [{ name: "app" }] }, status));
	assert.equal(formatRestarts(summary, Date.parse("2026-01-01T00:02:00Z")), "3 (2m ago)");
});

test("quality of service follows requests and limits", () => {
	const withResources = (resources: Json) => pod({ containers: [{ name: "app", resources }] }, {});
	assert.equal(qosClass(withResources({})), "BestEffort");
	assert.equal(qosClass(withResources({ requests: { cpu: "100m" } })), "Burstable");
	const both = { cpu: "1", memory: "1Gi" };
	assert.equal(qosClass(withResources({ limits: both, requests: both })), "Guaranteed");
});
