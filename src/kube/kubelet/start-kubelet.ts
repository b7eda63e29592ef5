import type { AddressPlan } from "../../lib/address-plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import type { Change, KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import type { Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { ConfigMap, Secret, Service } from "../client/service.ts";
import type { PodRecord } from "./container-record.ts";
import type { FindProgram } from "./images.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { startKubeletServer } from "./kubelet-server.ts";
import { kubeletToken } from "./kubelet-token.ts";
import { registerNode } from "./node-registration.ts";
import { installNodeTools } from "./node-tools.ts";
import { createPodAddresses } from "./pod-addresses.ts";
import { createPodStore } from "./pod-store.ts";
import { PodWorker } from "./pod-worker.ts";
import { findStrays, killProcess } from "./process-identity.ts";
import { removeFolder } from "./volumes.ts";

export interface KubeletOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly random: Random;
	readonly addressPlan: AddressPlan;
	readonly nodeName: string;
	/** The mesh's state folder (docs/contracts.md); an absolute path. */
	readonly dataDir: string;
	/** What images mean on this machine. */
	readonly resolveImage: FindProgram;
	/** Of the HTTP server for logs and exec, on the node's address; 0 lets the system choose. */
	readonly port?: number;
	readonly logger: Log;
}

export interface Kubelet {
	readonly port: number;
	/** Ends all containers (SIGTERM, then SIGKILL after at most `maxGraceMs`) and the server; the pods stay in the API. */
	stop(maxGraceMs?: number): Promise<void>;
	/** Lets go of everything and leaves the containers running, to be adopted by the next kubelet. */
	detach(): Promise<void>;
}

const SHUTDOWN_GRACE_MS = 5_000;

/** Registers the node and runs the pods that are bound to it, as processes of this machine. Resolves when the node is ready. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
	const { client, clock, logger: log, nodeName, addressPlan, dataDir } = options;
	const informers = createInformers(client, nodeName);
	const { configMaps, secrets, services, pods } = informers;
	const store = createPodStore(dataDir, log);
	const context: KubeletContext = {
		client,
		clock,
		log,
		addressPlan,
		store,
		addresses: createPodAddresses(addressPlan),
		recorder: createEventRecorder({ client, clock, log, component: "kubelet", host: nodeName }),
		findProgram: options.resolveImage,
		sources: { client, configMap: configMaps.get, secret: secrets.get },
		nodeEnvironment: installNodeTools(dataDir),
		services: services.list,
	};
	const workers = new Map<string, PodWorker>();
	const findPod = (namespace: string, name: string) => {
		const uid = pods.get(name, namespace)?.metadata.uid;
		return uid === undefined ? undefined : workers.get(uid);
	};
	const token = kubeletToken(dataDir);
	const server = await startKubeletServer({
		host: addressPlan.nodeIp,
		port: options.port ?? 0,
		token,
		findPod,
		log,
		clock,
	});
	const nodeIp = addressPlan.nodeIp;
	const registered = registerNode({ client, clock, log, nodeName, nodeIp, port: server.port });
	for (const informer of Object.values(informers)) informer.start();
	await Promise.all(Object.values(informers).map((informer) => informer.synced));

	const records = new Map(store.load().map((record) => [record.uid, record]));
	for (const { podIp } of records.values()) context.addresses.reserve(podIp);
	endStrays(context, records, pods.list());
	const unfollow = runPods(context, informers, { workers, records });
	const node = await registered;
	/** From here on no pod is begun: what is to be ended stays the same. */
	const stopFollowing = () => {
		for (const off of unfollow.splice(0)) off();
	};
	const letGo = async () => {
		for (const informer of Object.values(informers)) informer.stop();
		await server.close();
	};
	return {
		port: server.port,
		async stop(maxGraceMs = SHUTDOWN_GRACE_MS) {
			stopFollowing();
			await Promise.all([node.stop(), ...[...workers.values()].map((worker) => worker.shutDown(maxGraceMs))]);
			await letGo();
		},
		async detach() {
			stopFollowing();
			for (const worker of workers.values()) worker.detach();
			await letGo();
			await node.stop();
		},
	};
}

interface RunningPods {
	readonly workers: Map<string, PodWorker>;
	/** What an earlier run left, by uid. */
	readonly records: ReadonlyMap<string, PodRecord>;
}

/** One worker per pod of this node, from its first sight to its end. Returns what takes the handlers off. */
function runPods(
	context: KubeletContext,
	{ pods, configMaps, secrets }: ReturnType<typeof createInformers>,
	{ workers, records }: RunningPods,
): (() => void)[] {
	const logFailure = (what: string) => (error: unknown) => context.log.error({ err: error }, what);
	const begin = (pod: Pod) => {
		const uid = pod.metadata.uid ?? "";
		const worker = new PodWorker(context, pod, records.get(uid));
		workers.set(uid, worker);
		worker.start().catch(logFailure("a pod could not be begun"));
	};
	const onPod = ({ type, object }: Change<Pod>) => {
		const uid = object.metadata.uid ?? "";
		const worker = workers.get(uid);
		if (type === "deleted") {
			workers.delete(uid);
			worker?.destroy().catch(logFailure("a pod could not be cleaned up"));
		} else if (worker) worker.update(object);
		else begin(object);
	};
	const onData =
		(kind: "configMaps" | "secrets") =>
		({ object: { metadata } }: Change<ConfigMap | Secret>) => {
			for (const worker of workers.values())
				if (worker.pod.metadata.namespace === metadata.namespace)
					worker.dataChanged(kind, metadata.name ?? "").catch(logFailure("volumes were not renewed"));
		};
	for (const pod of pods.list()) begin(pod);
	return [pods.onChange(onPod), configMaps.onChange(onData("configMaps")), secrets.onChange(onData("secrets"))];
}

function createInformers(client: KubeClient, nodeName: string) {
	return {
		pods: client.informer<Pod>(RESOURCES.pods, { fieldSelector: `spec.nodeName=${nodeName}` }),
		configMaps: client.informer<ConfigMap>(RESOURCES.configMaps),
		secrets: client.informer<Secret>(RESOURCES.secrets),
		services: client.informer<Service>(RESOURCES.services),
	};
}

/** Ends processes of an earlier run that belong to no pod (any more), and forgets pods that are gone. */
function endStrays(context: KubeletContext, records: ReadonlyMap<string, PodRecord>, pods: readonly Pod[]): void {
	const wanted = new Set(pods.map((pod) => pod.metadata.uid));
	const kept = new Set<number>();
	for (const record of records.values()) {
		if (wanted.has(record.uid))
			for (const { process } of Object.values(record.containers)) if (process) kept.add(process.pid);
		if (wanted.has(record.uid)) continue;
		context.addresses.release(record.podIp);
		void removeFolder(context.store.podDir(record.uid));
		void removeFolder(context.store.podLogDir(record));
	}
	for (const pid of findStrays(context.nodeEnvironment.mark, kept)) {
		context.log.info({ pid }, "a process of an earlier run that belongs to no pod is ended");
		killProcess(pid);
	}
}
