import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Console, startConsole } from "../console/console-server.ts";
import { DEFAULT_MESH_CONFIG, parseMeshConfig } from "../controlplane/model/mesh-config.ts";
import { type ApiServer, startApiServer } from "../kube/apiserver/start-api-server.ts";
import { createKubeClient } from "../kube/client/create-kube-client.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { type Controllers, startControllers } from "../kube/controllers/start-controllers.ts";
import { type Kubelet, startKubelet } from "../kube/kubelet/start-kubelet.ts";
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
import { injectionPlugin } from "./injection-plugin.ts";
import { type LateenYaml, readLateenYaml } from "./lateen-yaml.ts";
import type { MeshEvent } from "./mesh-events.ts";
import { meshObjects } from "./mesh-objects.ts";
import { type MeshOptions, resumeOptions } from "./mesh-options.ts";
import { type MeshState, readMeshState, removeMeshState, writeMeshState } from "./mesh-state.ts";
import { superviseNetproxy } from "./netproxy-process.ts";
import { packageRoot } from "./package-root.ts";
import { explainPortError } from "./port-error.ts";
import { identifyProcess } from "./process-identity.ts";
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

/**
 * A whole mesh in this process: API server, controllers, pod runner, control plane, console; and the netproxy beside it. Resumes what the
 * folder holds. `start` rejects with ProblemError for what the user can mend (a port in use, a full disk, a bad lateen.yaml) after stopping what
 * had begun; `stop` may come at any time, ends every pod and role in order, and leaves the state folder.
 */
export class Mesh {
	readonly #deps: MeshDeps;
	readonly #options: MeshOptions;
	readonly #folder: DataFolder;
	readonly #stops: (() => Promise<void> | void)[] = [];
	#stepStartedMs = performance.now();

	constructor(asked: MeshOptions, deps: MeshDeps) {
		this.#deps = deps;
		this.#folder = dataFolder(asked.dataDir);
		this.#options = resumeOptions(asked, readMeshState(this.#folder));
	}

	async start(): Promise<MeshState> {
		try {
			return await this.#startRoles();
		} catch (error) {
			await this.stop();
			throw error;
		}
	}

	async stop(): Promise<void> {
		for (const stop of this.#stops.splice(0).reverse()) await stop();
	}

	async #startRoles(): Promise<MeshState> {
		const settings = readLateenYaml(this.#options.configFile);
		checkMeshSettings(settings);
		const plan = addressPlan(await chooseAddressBlock(this.#options.addressBlock));
		prepareFolder(this.#folder);
		let controlPlane: ControlPlane | undefined;
		const api = await this.#startApi(plan, () => controlPlane);
		const client = this.#connect(api);
		this.#step("Kubernetes API");
		controlPlane = await this.#startControlPlane(client);
		const state = this.#describe(api, controlPlane, plan);
		const kubelet = await this.#startNode(client, { plan, api, settings });
		this.#step("Control plane, controllers, pod runner");
		await this.#populate(client, settings);
		const console = await this.#startConsole(client, controlPlane);
		await controlPlane.ready;
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

	#step(title: string): void {
		const nowMs = performance.now();
		this.#deps.onEvent({ type: "step", title, ms: nowMs - this.#stepStartedMs });
		this.#stepStartedMs = nowMs;
	}

	async #startApi(plan: AddressPlan, controlPlane: () => ControlPlane | undefined): Promise<ApiServer> {
		const port = this.#options.ports.kubeApi;
		const api = await explainPortError(port, "--api-port", () =>
			startApiServer({
				dataDir: this.#folder.root,
				addressPlan: plan,
				logger: this.#deps.logging.component("apiserver"),
				bind: BIND,
				port,
				strictIstio: this.#options.strictIstio,
				admission: [injectionPlugin(() => controlPlane()?.meshConfig())],
			}),
		);
		this.#stops.push(() => api.close());
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
		this.#stops.push(() => client.close());
		return client;
	}

	async #startControlPlane(client: KubeClient): Promise<ControlPlane> {
		const { xds, controlPlaneDebug } = this.#options.ports;
		const start = (debugPort: number) =>
			startControlPlane({
				client,
				meshConfig: DEFAULT_MESH_CONFIG,
				clock: systemClock,
				logging: this.#deps.logging,
				bind: BIND,
				xdsPort: xds,
				debugPort,
			});
		const controlPlane = await explainPortError(xds, "--xds-port", () =>
			explainPortError(controlPlaneDebug, "--debug-port", () => start(controlPlaneDebug)),
		);
		this.#stops.push(() => controlPlane.close());
		return controlPlane;
	}

	/** What a node does, and the controllers that give it work. */
	async #startNode(
		client: KubeClient,
		from: { plan: AddressPlan; api: ApiServer; settings: LateenYaml },
	): Promise<Kubelet> {
		const { logging } = this.#deps;
		const common = { client, clock: systemClock, random: systemRandom, addressPlan: from.plan };
		const controllers: Controllers = startControllers({
			...common,
			logger: logging.component("controllers"),
			caPem: from.api.caPem,
		});
		this.#stops.push(() => controllers.stop());
		const [kubelet, netproxy] = await Promise.all([
			explainPortError(this.#options.ports.kubelet, "--kubelet-port", () =>
				startKubelet({
					...common,
					nodeName: NODE_NAME,
					dataDir: this.#folder.root,
					resolveImage: createImageResolver(from.settings.images),
					port: this.#options.ports.kubelet,
					logger: logging.component("kubelet"),
				}),
			),
			superviseNetproxy(this.#folder, from.plan.block, {
				clock: systemClock,
				onRestart: (failure) =>
					logging.component("netproxy").warn({ err: failure }, "the netproxy process had ended and was started again"),
			}),
		]);
		this.#stops.push(() => netproxy.stop());
		this.#stops.push(() => kubelet.stop());
		return kubelet;
	}

	async #populate(client: KubeClient, settings: LateenYaml): Promise<void> {
		await createMissing(client, meshObjects(settings.mesh));
		const sample = SAMPLES[this.#options.sample ?? ""];
		if (!sample) return;
		await deploySample(client, sample);
		this.#step(`Sample ${this.#options.sample} deployed`);
	}

	async #startConsole(client: KubeClient, controlPlane: ControlPlane): Promise<Console> {
		const { console: port } = this.#options.ports;
		const console = await explainPortError(port, "--console-port", () =>
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
		this.#stops.push(() => console.close());
		return console;
	}

	async #awaitWorkloads(client: KubeClient, state: MeshState): Promise<void> {
		const sample = SAMPLES[this.#options.sample ?? ""];
		await waitForPods(client, sample, (text) => this.#deps.onEvent({ type: "progress", text }));
		this.#step(sample ? "Pods ready, the page answers" : "Gateway ready");
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
				...this.#options.ports,
				kubeApi: api.port,
				xds: controlPlane.xdsPort,
				controlPlaneDebug: controlPlane.debugPort,
			},
			urls: { kubeApi: api.url, console: "", controlPlaneDebug: `http://${BIND}:${controlPlane.debugPort}` },
			kubeconfig: this.#folder.kubeconfig,
		};
		writeMeshState(this.#folder, state);
		this.#stops.unshift(() => removeMeshState(this.#folder));
		return state;
	}
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
