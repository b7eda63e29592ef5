import { readFileSync } from "node:fs";
import { arch, cpus, hostname, platform, release, totalmem } from "node:os";
import type { KubeObject } from "../../kinds/object.ts";
import type { Clock } from "../../lib/clock.ts";
import { VERSION } from "../../lib/names.ts";
import { timestamp } from "../client/event-recorder.ts";
import { KubeApiError, type KubeClient } from "../client/kube-client.ts";
import type { Log } from "../client/log.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Node } from "../client/service.ts";

export interface NodeRegistrationOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly log: Log;
	readonly nodeName: string;
	readonly nodeIp: string;
	/** Of the kubelet's HTTP server. */
	readonly port: number;
}

const LEASE_NAMESPACE = "kube-node-lease";
const RENEW_MS = 10_000;
const LEASE_SECONDS = 40;
const RETRY_MS = 200;
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** Makes the Node object, and keeps its Lease fresh; `stop` says that the node is not ready any more. */
export async function registerNode(options: NodeRegistrationOptions): Promise<{ stop(): Promise<void> }> {
	let cancel = () => {};
	let stopped = false;
	await writeNode(options, true);
	const beat = async () => {
		try {
			await renewLease(options);
		} catch (error) {
			options.log.debug({ err: error }, "the node's lease was not renewed");
		}
		if (!stopped) cancel = options.clock.after(RENEW_MS, () => void beat());
	};
	void beat();
	return {
		async stop() {
			stopped = true;
			cancel();
			try {
				await writeNode(options, false);
			} catch (error) {
				options.log.debug({ err: error }, "the node could not be marked as not ready");
			}
		},
	};
}

async function writeNode(options: NodeRegistrationOptions, ready: boolean): Promise<void> {
	const { client, nodeName } = options;
	const labels = {
		"kubernetes.io/hostname": nodeName,
		"kubernetes.io/os": platform(),
		"kubernetes.io/arch": architecture(),
		"beta.kubernetes.io/os": platform(),
		"beta.kubernetes.io/arch": architecture(),
		"node-role.kubernetes.io/control-plane": "",
	};
	const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, labels } };
	const status = nodeStatus(options, ready);
	for (let tries = 1; ; tries++) {
		try {
			await createOrLabel(client, node);
			await client.patch(RESOURCES.nodes, nodeName, { status }, { subresource: "status" });
			return;
		} catch (error) {
			// Right after the start the server may still be making its first objects.
			if (!(error instanceof KubeApiError) || tries >= 25 || !ready) throw error;
			await new Promise<void>((resolve) => void options.clock.after(RETRY_MS, resolve));
		}
	}
}

async function createOrLabel(client: KubeClient, node: Node): Promise<void> {
	try {
		await client.create(RESOURCES.nodes, node);
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
		await client.patch(RESOURCES.nodes, node.metadata.name ?? "", { metadata: { labels: node.metadata.labels } });
	}
}

function nodeStatus({ clock, nodeName, nodeIp, port }: NodeRegistrationOptions, ready: boolean): object {
	const now = timestamp(clock.epochMs());
	const condition = (type: string, status: boolean, reason: string, message: string) => ({
		type,
		status: status ? "True" : "False",
		reason,
		message,
		lastHeartbeatTime: now,
		lastTransitionTime: now,
	});
	const resources = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: "250" };
	return {
		capacity: resources,
		allocatable: resources,
		addresses: [
			{ type: "InternalIP", address: nodeIp },
			{ type: "Hostname", address: nodeName },
		],
		conditions: [
			condition("MemoryPressure", false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
			condition("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
			condition("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
			ready
				? condition("Ready", true, "KubeletReady", "kubelet is posting ready status")
				: condition("Ready", false, "KubeletStopped", "the pod runner was stopped"),
		],
		daemonEndpoints: { kubeletEndpoint: { Port: port } },
		nodeInfo: {
			architecture: architecture(),
			bootID: "",
			containerRuntimeVersion: `lateen://${VERSION}`,
			kernelVersion: release(),
			kubeProxyVersion: `v1.32.0-lateen.${VERSION}`,
			kubeletVersion: `v1.32.0-lateen.${VERSION}`,
			machineID: hostname(),
			operatingSystem: platform(),
			osImage: osImage(),
			systemUUID: "",
		},
	};
}

function architecture(): string {
	return ARCHITECTURE[arch()] ?? arch();
}

function osImage(): string {
	try {
		return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? platform();
	} catch {
		return platform(); // not a Linux with os-release(5)
	}
}

async function renewLease({ client, clock, nodeName }: NodeRegistrationOptions): Promise<void> {
	const spec = {
		holderIdentity: nodeName,
		leaseDurationSeconds: LEASE_SECONDS,
		renewTime: new Date(clock.epochMs()).toISOString().replace("Z", "000Z"),
	};
	try {
		await client.patch(RESOURCES.leases, nodeName, { spec }, { namespace: LEASE_NAMESPACE });
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
		const metadata = { name: nodeName, namespace: LEASE_NAMESPACE };
		const lease: KubeObject = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
		await client.create(RESOURCES.leases, lease);
	}
}
