import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Console, startConsole } from "../console/console-server.ts";
import { parseMeshConfig } from "../controlplane/model/mesh-config.ts";
import { type ApiServer, startApiServer } from "../kube/apiserver/start-api-server.ts";
import { createKubeClient } from "../kube/client/create-kube-client.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { type Controllers, startControllers } from "../kube/controllers/start-controllers.ts";
import { type Kubelet, type KubeletOptions, startKubelet } from "../kube/kubelet/start-kubelet.ts";
import { type AddressPlan, addressPlan } from "../lib/address-plan.ts";
import { systemClock } from "../lib/clock.ts";
import { VERSION } from "../lib/names.ts";
import { ProblemError } from "../lib/problem.ts";
import { systemRandom } from "../lib/random.ts";
import type { Logging } from "../telemetry/logger.ts";
import { chooseAddressBlock } from "./address-block.ts";
import { createMissing } from "./apply-manifests.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { type DataFolder, dataFolder } from "./data-folder.ts";
import { createImageResolver } from "./image-resolver.ts";
import { followImages } from "./images-file.ts";
import { injectionPlugin } from "./injection-plugin.ts";
import { type LateenYaml, readLateenYaml } from "./lateen-yaml.ts";
import type { MeshEvent } from "./mesh-events.ts";
import { meshObjects } from "./mesh-objects.ts";
import type { MeshOptions } from "./mesh-options.ts";
import { renewMeshSettings } from "./mesh-settings.ts";
import { type MeshPorts, type MeshState, markStopped, readMeshState, writeMeshState } from "./mesh-state.ts";
import { heldAddressBlock, superviseNetproxy } from "./netproxy-process.ts";
import { obediencePlugin } from "./obedience-plugin.ts";
import { packageRoot } from "./package-root.ts";
import { explainPortError } from "./port-error.ts";
import { identifyProcess } from "./process-identity.ts";
import { resumePorts } from "./resume-ports.ts";
import { deploySample, SAMPLES } from "./samples.ts";
import { summarise, waitForPods } from "./start-report.ts";

const BIND = "127.0.0.1";
export const NODE_NAME = "lateen";

export interface MeshDeps {
	readonly logging: Logging;
	onEvent(event: MeshEvent): void;
	/** Identity of the process that starts us again when we die. */
	readonly guardianPid: number | undefined;
}

/** What the node's roles are made from. */
interface NodeInput {
	readonly plan: AddressPlan;
	readonly api: ApiServer;
	readonly controlPlane: ControlPlane;
	readonly settings: LateenYaml;
}

type NodeParts = Pick<KubeletOptions, "client" | "clock" | "random" | "addressPlan">;

/** How a role is taken out of service. */
interface Ending {
	stop(): Promise<void> | void;
	/** Leaves the role's processes running, for the next mesh process; absent: the same as `stop`. */
	letGo?(): Promise<void> | void;
}

/**
 * A whole mesh in this process: API server, controllers, pod runner, control plane, console; and the netproxy beside it. Resumes what the
 * folder holds. `start` rejects with ProblemError for what the user can mend (a port in use, a full disk, a bad lateen.yaml) after stopping what
 * had begun; processes that an earlier mesh process left go on then. `stop` may come at any time, ends every pod and role in order, and
 * leaves the state folder.
 */
export class Mesh {
	readonly #deps: MeshDeps;
	readonly #options: MeshOptions;
	readonly #folder: DataFolder;
	/** What the last mesh process of this folder wrote. */
	readonly #before: MeshState | undefined;
	#ports: MeshPorts;
	readonly #endings: Ending[] = [];
	readonly #stopAsked = new AbortController();
	#starting: Promise<MeshState> | undefined;
	#stepStartedMs = performance.now();

	constructor(asked: MeshOptions, deps: MeshDeps) {
		this.#deps = deps;
		this.#folder = dataFolder(asked.dataDir);
		this.#options = asked;
		this.#before = readMeshState(this.#folder);
		this.#ports = asked.ports;
	}

	async start(): Promise<MeshState> {
		this.#starting = this.#startRoles();
		try {
			return await this.#starting;
		} catch (error) {
			const wasKilled = this.#before !== undefined && this.#before.phase !== "stopped";
			if (!this.#stopAsked.signal.aborted) await this.#end(wasKilled ? "letGo" : "stop");
			throw error;
		}
	}

	async stop(): Promise<void> {
		this.#stopAsked.abort(new Error("the mesh was told to stop"));
		// A role that is just being started has to be there before it can be ended: nothing may be left behind. Why the start failed, `start` tells.
		await this.#starting?.catch(() => undefined);
		await this.#end("stop");
	}

	async #end(how: keyof Ending): Promise<void> {
		for (const ending of this.#endings.splice(0).reverse()) await (ending[how] ?? ending.stop).call(ending);
	}

	async #startRoles(): Promise<MeshState> {
		const settings = readLateenYaml(this.#options.configFile);
		checkMeshSettings(settings);
		const block = await chooseAddressBlock({
			wanted: this.#options.addressBlock,
			earlier: this.#before?.addressBlock,
			held: heldAddressBlock(this.#folder),
		});
		const plan = addressPlan(block);
		this.#ports = await resumePorts(this.#options.ports, this.#before, { bind: BIND, node: plan.nodeIp });
		prepareFolder(this.#folder);
		let controlPlane: ControlPlane | undefined;
		const api = await this.#startApi(plan, () => controlPlane);
		const client = this.#connect(api);
		this.#step("Kubernetes API");
		controlPlane = await this.#startControlPlane(client);
		const state = this.#describe(api, controlPlane, plan);
		const kubelet = await this.#startNode(client, { plan, api, controlPlane, settings });
		this.#step("Control plane, controllers, pod runner");
		await this.#populate(client, settings);
		this.#stopAsked.signal.throwIfAborted();
		const console = await this.#startConsole(client, controlPlane);
		await orAborted(controlPlane.ready, this.#stopAsked.signal);
		const full: MeshState = {
			...state,
			phase: "ready",
			ports: { ...state.ports, console: console.port, kubelet: kubelet.port },
			urls: { ...state.urls, console: console.url },
		};
		writeMeshState(this.#folder, full);
		await this.#awaitWorkloads(client, full);
		return full;
	}

	/** Tells that a step of the start is done; throws when the mesh was told to stop meanwhile. */
	#step(title: string): void {
		this.#stopAsked.signal.throwIfAborted();
		const nowMs = performance.now();
		this.#deps.onEvent({ type: "step", title, ms: nowMs - this.#stepStartedMs });
		this.#stepStartedMs = nowMs;
	}

	async #startApi(plan: AddressPlan, controlPlane: () => ControlPlane | undefined): Promise<ApiServer> {
		const port = this.#ports.kubeApi;
		const api = await explainPortError({ port, host: BIND, flag: "--api-port" }, () =>
			startApiServer({
				dataDir: this.#folder.root,
				addressPlan: plan,
				logger: this.#deps.logging.component("apiserver"),
				bind: BIND,
				port,
				strictIstio: this.#options.strictIstio,
				admission: [injectionPlugin, obediencePlugin].map((plugin) => plugin(() => controlPlane()?.meshConfig())),
			}),
		);
		this.#endings.push({ stop: () => api.close() });
		writeFileSync(this.#folder.kubeconfig, api.kubeconfig, { mode: 0o600 });
		return api;
	}

	#connect(api: ApiServer): KubeClient {
		const client = createKubeClient({
			server: api.url,
			caPem: api.caPem,
			token: api.adminToken,
			userAgent: `lateen/${VERSION}`,
			log: this.#deps.logging.component("client"),
		});
		this.#endings.push({ stop: () => client.close() });
		return client;
	}

	async #startControlPlane(client: KubeClient): Promise<ControlPlane> {
		const { xds, controlPlaneDebug } = this.#ports;
		const start = (debugPort: number) =>
			startControlPlane({
				client,
				clock: systemClock,
				logging: this.#deps.logging,
				bind: BIND,
				xdsPort: xds,
				debugPort,
			});
		const controlPlane = await explainPortError({ port: xds, host: BIND, flag: "--xds-port" }, () =>
			explainPortError({ port: controlPlaneDebug, host: BIND, flag: "--debug-port" }, () => start(controlPlaneDebug)),
		);
		this.#endings.push({ stop: () => controlPlane.close() });
		return controlPlane;
	}

	/** What a node does, and the controllers that give it work. */
	async #startNode(client: KubeClient, from: NodeInput): Promise<Kubelet> {
		const { logging } = this.#deps;
		const common = { client, clock: systemClock, random: systemRandom, addressPlan: from.plan };
		const controllers: Controllers = startControllers({
			...common,
			logger: logging.component("controllers"),
			caPem: from.api.caPem,
		});
		this.#endings.push({ stop: () => controllers.stop() });
		const [kubelet, netproxy] = await Promise.allSettled([
			this.#startKubelet(common, from),
			superviseNetproxy(this.#folder, from.plan.block, {
				clock: systemClock,
				onRestart: (failure) =>
					logging.component("netproxy").warn({ err: failure }, "the netproxy process had ended and was started again"),
			}),
		]);
		if (netproxy.status === "fulfilled") this.#endings.push(netproxy.value);
		if (kubelet.status === "rejected") throw kubelet.reason;
		const { value } = kubelet;
		this.#endings.push({ stop: () => value.stop(), letGo: () => value.detach() });
		if (netproxy.status === "rejected") throw netproxy.reason;
		return value;
	}

	#startKubelet(common: NodeParts, from: NodeInput): Promise<Kubelet> {
		const logger = this.#deps.logging.component("kubelet");
		const port = this.#ports.kubelet;
		const resolveImage = createImageResolver({
			images: followImages(this.#options.configFile, from.settings, logger),
			discoveryAddress: `${BIND}:${from.controlPlane.xdsPort}`,
		});
		return explainPortError({ port, host: from.plan.nodeIp, flag: "--kubelet-port" }, () =>
			startKubelet({ ...common, nodeName: NODE_NAME, dataDir: this.#folder.root, resolveImage, port, logger }),
		);
	}

	async #populate(client: KubeClient, settings: LateenYaml): Promise<void> {
		await createMissing(client, meshObjects(settings.mesh));
		if (await renewMeshSettings(client, settings.mesh))
			this.#deps.logging.component("mesh").info({}, "the mesh settings of lateen.yaml had changed");
		const sample = SAMPLES[this.#options.sample ?? ""];
		if (!sample) return;
		await deploySample(client, sample);
		this.#step(`Sample ${this.#options.sample} deployed`);
	}

	async #startConsole(client: KubeClient, controlPlane: ControlPlane): Promise<Console> {
		const { console: port } = this.#ports;
		const console = await explainPortError({ port, host: BIND, flag: "--console-port" }, () =>
			startConsole({
				client,
				clock: systemClock,
				webRoot: join(packageRoot(), "dist", "console"),
				bind: BIND,
				port,
				controlPlaneUrl: `http://${BIND}:${controlPlane.debugPort}`,
				onError: (error) => this.#deps.logging.component("console").error({ err: error }, "a view could not be made"),
			}),
		);
		this.#endings.push({ stop: () => console.close() });
		return console;
	}

	async #awaitWorkloads(client: KubeClient, state: MeshState): Promise<void> {
		const sample = SAMPLES[this.#options.sample ?? ""];
		const { signal } = this.#stopAsked;
		const onProgress = (text: string) => this.#deps.onEvent({ type: "progress", text });
		const missing = await waitForPods(client, sample, { onProgress, signal });
		if (missing === undefined) this.#step(sample ? "Pods ready, the page answers" : "Gateway ready");
		else this.#deps.onEvent({ type: "warning", problem: missing });
		this.#deps.onEvent({ type: "ready", state, summary: await summarise(client, state, sample) });
	}

	#describe(api: ApiServer, controlPlane: ControlPlane, plan: AddressPlan): MeshState {
		const state: MeshState = {
			version: VERSION,
			mesh: identifyProcess(process.pid),
			guardian: this.#deps.guardianPid === undefined ? undefined : identifyProcess(this.#deps.guardianPid),
			phase: "starting",
			startedAt: new Date().toISOString(),
			addressBlock: plan.block,
			ports: {
				...this.#ports,
				kubeApi: api.port,
				xds: controlPlane.xdsPort,
				controlPlaneDebug: controlPlane.debugPort,
			},
			urls: { kubeApi: api.url, console: "", controlPlaneDebug: `http://${BIND}:${controlPlane.debugPort}` },
			kubeconfig: this.#folder.kubeconfig,
			sample: this.#options.sample,
		};
		writeMeshState(this.#folder, state);
		this.#endings.unshift({ stop: () => markStopped(this.#folder), letGo: () => undefined });
		return state;
	}
}

/** The promise's result, or the signal's reason when that comes first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		const stop = () => reject(signal.reason as Error);
		if (signal.aborted) stop();
		signal.addEventListener("abort", stop, { once: true });
		promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
	});
}

function checkMeshSettings(settings: LateenYaml): void {
	const { problems } = parseMeshConfig(settings.mesh);
	if (problems.length > 0) throw new ProblemError(problems.map((p) => ({ ...p, path: `lateen.yaml: ${p.path}` })));
}

function prepareFolder(folder: DataFolder): void {
	for (const path of [folder.root, folder.logs, folder.pods]) mkdirSync(path, { recursive: true, mode: 0o700 });
	chmodSync(folder.root, 0o700);
	if (!existsSync(folder.kubeletToken))
		writeFileSync(folder.kubeletToken, randomBytes(32).toString("base64url"), { mode: 0o600 });
}
