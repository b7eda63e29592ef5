import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import type { TestMesh } from "../support/mesh.ts";
import { processesWith } from "../support/processes.ts";

/** The part of a Pod that these tests look at. */
export interface PodView {
	readonly metadata: { readonly name: string; readonly namespace: string };
	readonly status: { readonly podIP: string; readonly containerStatuses: readonly ContainerView[] };
}

export interface ContainerView {
	readonly name: string;
	readonly ready: boolean;
	readonly restartCount: number;
	readonly containerID: string;
	readonly state: { readonly waiting?: { readonly reason: string; readonly message?: string } };
}

const COMES_BACK_MS = 20_000;

export async function podsOf(mesh: TestMesh, namespace: string, selector: string): Promise<PodView[]> {
	const text = await mesh.kubectl.ok(["get", "pods", "-n", namespace, "-l", selector, "-o", "json"]);
	return (JSON.parse(text) as { items: PodView[] }).items;
}

export async function podOf(mesh: TestMesh, namespace: string, selector: string): Promise<PodView> {
	const pods = await podsOf(mesh, namespace, selector);
	assert.equal(pods.length, 1, `one pod has ${selector}`);
	return pods[0]!;
}

export function containerOf(pod: PodView, name: string): ContainerView {
	const found = pod.status.containerStatuses?.find((container) => container.name === name);
	assert.ok(found, `${pod.metadata.name} has the container ${name}`);
	return found;
}

/** The one process of a pod whose command line has this word. */
export async function processOf(pod: PodView, word: string): Promise<number> {
	const found = await processesWith(`HOSTNAME=${pod.metadata.name}`, word);
	assert.equal(found.length, 1, `${word} in ${pod.metadata.name}: ${JSON.stringify(found)}`);
	return found[0]!.pid;
}

/** kill -9 of a container's process; resolves when the pod is ready again, with one restart more and another process. */
export async function killContainer(
	mesh: TestMesh,
	at: { readonly namespace: string; readonly selector: string; readonly container: string; readonly word: string },
): Promise<void> {
	const before = await podOf(mesh, at.namespace, at.selector);
	const restarts = containerOf(before, at.container).restartCount;
	const pid = await processOf(before, at.word);
	process.kill(pid, "SIGKILL");
	await eventually(
		`${at.container} to come back`,
		async () => {
			const now = await podOf(mesh, at.namespace, at.selector);
			return (
				containerOf(now, at.container).restartCount === restarts + 1 &&
				now.status.containerStatuses.every((c) => c.ready)
			);
		},
		COMES_BACK_MS,
	);
	assert.notEqual(await processOf(before, at.word), pid);
}

/** Every proxy of so many is connected and has acknowledged all that it was sent. */
export async function proxiesInSync(mesh: TestMesh, count: number): Promise<void> {
	await eventually(
		`${count} proxies in sync`,
		async () => {
			const { code, stdout } = await mesh.lateen(["proxy-status", "-o", "json"]);
			if (code !== 0) return false;
			const proxies = JSON.parse(stdout) as { types: Record<string, { status: string }> }[];
			const states = proxies.flatMap(({ types }) => Object.values(types).map(({ status }) => status));
			return proxies.length === count && states.every((state) => state === "SYNCED" || state === "NOT SENT");
		},
		COMES_BACK_MS,
	);
}
