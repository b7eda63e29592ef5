import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { PORTS, PROXY_CONTAINER, SYSTEM_NAMESPACE } from "../lib/names.ts";
import type { SummaryLine } from "./mesh-events.ts";
import type { MeshState } from "./mesh-state.ts";
import type { Sample } from "./samples.ts";

const DEADLINE_MS = 60_000;
const PAGE_POLL_MS = 50;

interface Pod extends KubeObject {
	spec: { containers: { name: string }[] };
	status?: { podIP?: string; conditions?: { type: string; status: string }[] };
}

interface Service extends KubeObject {
	status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

const isReady = (pod: Pod) => pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;

/**
 * Waits, at most a minute, until the gateway's pods (and the sample's page) answer; a pod that does not come up is the user's to look at, so
 * the mesh goes on without it.
 */
export async function waitForPods(
	client: KubeClient,
	sample: Sample | undefined,
	onProgress: (text: string) => void,
): Promise<void> {
	const namespaces = [SYSTEM_NAMESPACE, ...(sample ? [sample.namespace] : [])];
	const deadlineMs = performance.now() + DEADLINE_MS;
	const pods = client.informer<Pod>(RESOURCES.pods);
	pods.start();
	try {
		await pods.synced;
		await until(
			deadlineMs,
			(recheck) => pods.onChange(recheck),
			() => {
				const wanted = pods.list().filter((p) => namespaces.includes(p.metadata.namespace!));
				const ready = wanted.filter(isReady).length;
				onProgress(`${ready} of ${wanted.length} pods ready`);
				return wanted.length > 0 && ready === wanted.length;
			},
		);
	} finally {
		pods.stop();
	}
	if (sample) await waitForPage(await gatewayUrl(client), sample.page.path, deadlineMs);
}

/** Resolves when `done` holds, at once or after a change, or at the deadline. */
function until(deadlineMs: number, subscribe: (recheck: () => void) => () => void, done: () => boolean): Promise<void> {
	if (done()) return Promise.resolve();
	return new Promise((resolve) => {
		const finish = () => {
			clearTimeout(timer);
			unsubscribe();
			resolve();
		};
		const unsubscribe = subscribe(() => done() && finish());
		const timer = setTimeout(finish, deadlineMs - performance.now());
	});
}

async function waitForPage(gateway: string | undefined, path: string, deadlineMs: number): Promise<void> {
	while (gateway && performance.now() < deadlineMs) {
		const status = await fetch(gateway + path, { signal: AbortSignal.timeout(5000) }).then(
			async (response) => {
				await response.arrayBuffer();
				return response.status;
			},
			() => 0, // Not open yet: that is what we wait for.
		);
		if (status === 200) return;
		await new Promise((resolve) => setTimeout(resolve, PAGE_POLL_MS));
	}
}

/** Base URL of the ingress gateway as a browser on this machine reaches it. */
export async function gatewayUrl(client: KubeClient): Promise<string | undefined> {
	const service = await client.get<Service>(RESOURCES.services, "istio-ingressgateway", SYSTEM_NAMESPACE);
	const ip = service.status?.loadBalancer?.ingress?.[0]?.ip;
	if (!ip) return undefined;
	const opened = service.metadata.annotations?.["lateen.dev/opened-ports"]?.split(",").find((p) => p.startsWith("80:"));
	return opened ? `http://${ip}:${opened.slice(3)}` : `http://${ip}`;
}

/** What `up` prints when all is up. */
export async function summarise(
	client: KubeClient,
	state: MeshState,
	sample: Sample | undefined,
): Promise<SummaryLine[]> {
	const gateway = await gatewayUrl(client);
	const { items } = await client.list<Pod>(RESOURCES.pods);
	const proxies = items.filter((p) => p.status?.podIP && p.spec.containers.some((c) => c.name === PROXY_CONTAINER));
	return [
		...(sample && gateway ? [{ label: sample.page.label, value: gateway + sample.page.path }] : []),
		...(gateway ? [{ label: "Gateway", value: gateway }] : []),
		{ label: "Console", value: state.urls.console },
		{ label: "Kubernetes API", value: state.urls.kubeApi },
		{ label: "Kubeconfig", value: `${state.kubeconfig}   (export KUBECONFIG=...)` },
		...proxies.map((p) => ({
			label: `Admin of ${p.metadata.name}`,
			value: `http://${p.status!.podIP}:${PORTS.proxyAdmin}`,
		})),
	];
}
