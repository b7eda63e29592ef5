import type { DataFolder } from "../../app/data-folder.ts";
import type { SummaryLine } from "../../app/mesh-events.ts";
import { type MeshState, readMeshState } from "../../app/mesh-state.ts";
import { isAlive } from "../../app/process-identity.ts";
import { SAMPLES } from "../../app/samples.ts";
import { addresses } from "../../app/start-report.ts";
import type { KubeObject } from "../../kinds/object.ts";
import { createKubeClient } from "../../kube/client/create-kube-client.ts";
import { loadKubeconfig } from "../../kube/client/load-kubeconfig.ts";
import { RESOURCES } from "../../kube/client/resources.ts";
import { PORTS, PROXY_CONTAINER } from "../../lib/names.ts";
import { formatAge } from "../age.ts";
import { defineCommand, MESH_FLAG, OUTPUT_FLAG } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { getJson, meshFolder } from "../mesh-access.ts";
import { summaryRows } from "../progress.ts";
import { type ProxySync, worstState } from "../proxy-sync.ts";
import type { Terminal } from "../terminal.ts";

interface ContainerStatus {
	readonly ready: boolean;
	readonly restartCount: number;
	readonly state?: { readonly waiting?: { readonly reason?: string } };
}

interface Pod extends KubeObject {
	spec: { containers: { name: string }[] };
	status: { phase?: string; podIP?: string; containerStatuses?: ContainerStatus[] };
}

interface PodLine {
	readonly namespace: string;
	readonly name: string;
	readonly ready: string;
	readonly phase: string;
	readonly restarts: number;
	readonly proxy: string;
	readonly proxyAdmin: string | undefined;
}

/** What the mesh itself tells once it is up. */
interface Inside {
	readonly addresses: readonly SummaryLine[];
	readonly pods: readonly PodLine[];
}

export const status = defineCommand({
	name: "status",
	summary: "Show a mesh's addresses, pods and proxies",
	details: "Exit code 0: running. 69: not running.",
	flags: { data: MESH_FLAG, output: OUTPUT_FLAG },
	examples: ["lateen status", "lateen status -o json"],
	async run({ flag, out }) {
		const folder = meshFolder(flag("data"));
		const state = readMeshState(folder);
		const running = state !== undefined && isAlive(state.mesh);
		const inside = running && state.phase === "ready" ? await lookInside(state) : undefined;
		if (flag("output") === "json")
			out.json(
				running
					? { running, ...state, addresses: inside?.addresses ?? [], pods: inside?.pods ?? [] }
					: { running, folder: folder.root, phase: state?.phase },
			);
		else if (running) print(state, inside, out);
		else out.line(whyDown(folder, state));
		return running ? EXIT.ok : EXIT.unavailable;
	},
});

function whyDown(folder: DataFolder, state: MeshState | undefined): string {
	if (!state) return `No mesh in ${folder.root}. Start one with \`lateen up\`.`;
	if (state.phase === "stopped") return `The mesh of ${folder.root} is stopped. Start it again with \`lateen up\`.`;
	if (state.guardian && isAlive(state.guardian))
		return `The mesh process of ${folder.root} ended and is being started again; proxies and applications go on meanwhile. If this lasts, see ${folder.meshLog}.`;
	return `The mesh of ${folder.root} is down: its process ${state.mesh.pid} was killed. \`lateen up\` starts it again and takes over what still runs, \`lateen down\` ends that.`;
}

async function lookInside(state: MeshState): Promise<Inside> {
	const client = createKubeClient(loadKubeconfig(state.kubeconfig));
	try {
		const [{ items }, proxies, where] = await Promise.all([
			client.list<Pod>(RESOURCES.pods),
			getJson<ProxySync[]>(`${state.urls.controlPlaneDebug}/debug/syncz`),
			addresses(client, state, SAMPLES[state.sample ?? ""]),
		]);
		return { addresses: where, pods: items.map((pod) => podLine(pod, proxies)) };
	} finally {
		client.close();
	}
}

function podLine(pod: Pod, proxies: readonly ProxySync[]): PodLine {
	const name = pod.metadata.name!;
	const namespace = pod.metadata.namespace!;
	const statuses = pod.status.containerStatuses ?? [];
	const hasProxy = pod.spec.containers.some((c) => c.name === PROXY_CONTAINER);
	return {
		namespace,
		name,
		ready: `${statuses.filter((c) => c.ready).length}/${pod.spec.containers.length}`,
		phase: phaseOf(pod),
		restarts: statuses.reduce((sum, c) => sum + c.restartCount, 0),
		proxy: hasProxy ? worstState(proxies.find((p) => p.proxy === `${name}.${namespace}`)) : "-",
		proxyAdmin: hasProxy && pod.status.podIP ? `http://${pod.status.podIP}:${PORTS.proxyAdmin}` : undefined,
	};
}

/** One word, as kubectl chooses it: what keeps a container waiting says more than the pod's phase. */
function phaseOf({ metadata, status: { phase = "Unknown", containerStatuses = [] } }: Pod): string {
	if (metadata.deletionTimestamp) return "Terminating";
	return containerStatuses.map((c) => c.state?.waiting?.reason).find((reason) => reason !== undefined) ?? phase;
}

function print(state: MeshState, inside: Inside | undefined, out: Terminal): void {
	const age = formatAge(Date.now() - Date.parse(state.startedAt));
	const mark = inside ? out.style.green("✔") : out.style.yellow("…");
	out.line(
		inside
			? `${mark} The mesh has been up for ${age} (process ${state.mesh.pid}).`
			: `${mark} The mesh has been starting for ${age} (process ${state.mesh.pid}).`,
	);
	if (state.guardian && !isAlive(state.guardian)) out.line("Its guardian was killed; another one is being started.");
	if (!inside) return;
	out.line();
	const controlPlane = { label: "Control plane", value: `${state.urls.controlPlaneDebug}/debug/syncz` };
	out.table(summaryRows([...inside.addresses, controlPlane], out));
	out.line();
	const rows = inside.pods.map((p) => [
		p.namespace,
		p.name,
		p.ready,
		p.phase,
		String(p.restarts),
		p.proxy,
		p.proxyAdmin ?? "-",
	]);
	out.table([["NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "PROXY", "PROXY ADMIN"], ...rows]);
}
