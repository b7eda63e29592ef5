import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient } from "../kube/client/kube-client.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { PORTS, PROXY_CONTAINER, SYSTEM_NAMESPACE } from "../lib/names.ts";
import { type Problem, problem } from "../lib/problem.ts";
import type { SummaryLine } from "./mesh-events.ts";
import type { MeshState } from "./mesh-state.ts";
import { type Sample, sampleObjects } from "./samples.ts";

const DEADLINE_MS = 60_000;
/** A mesh with many proxies is looked at with `lateen status`. */
const MAX_PROXIES = 12;
const PAGE_POLL_MS = 50;

interface Pod extends KubeObject {
	spec: { containers: { name: string }[] };
	status?: { podIP?: string; conditions?: { type: string; status: string }[] };
}

interface Service extends KubeObject {
	status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

interface DeploymentSpec {
	readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
}

const isReady = (pod: Pod) => pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;

/** Who wants to know, and when not any longer. */
export interface Waiting {
	onProgress(text: string): void;
	/** Ends the waiting: the result is its reason, thrown. */
	readonly signal: AbortSignal;
}

/**
 * Waits, at most a minute, until the gateway's and the sample's pods (and its page) answer; what else the user runs is not waited for. A pod that does not come up is the user's to look at: the
 * mesh goes on without it, and the answer is the problem.
 */
export async function waitForPods(
	client: KubeClient,
	sample: Sample | undefined,
	{ onProgress, signal }: Waiting,
): Promise<Problem | undefined> {
	const belongs = sample ? podsOf(sample) : () => false;
	const deadlineMs = performance.now() + DEADLINE_MS;
	const pods = client.informer<Pod>(RESOURCES.pods);
	const wanted = () => pods.list().filter((pod) => pod.metadata.namespace === SYSTEM_NAMESPACE || belongs(pod));
	pods.start();
	try {
		await pods.synced;
		await until({ deadlineMs, signal, subscribe: (recheck) => pods.onChange(recheck) }, () => {
			const ready = wanted().filter(isReady).length;
			onProgress(`${ready} of ${wanted().length} pods ready`);
			return wanted().length > 0 && ready === wanted().length;
		});
		signal.throwIfAborted();
		const unready = wanted().filter((pod) => !isReady(pod));
		if (unready.length > 0 || wanted().length === 0) return unreadyPods(unready);
	} finally {
		pods.stop();
	}
	if (!sample) return undefined;
	const page = `${await gatewayUrl(client)}${sample.page.path}`;
	return (await answers(page, deadlineMs, signal)) ? undefined : silentPage(page);
}

/** Tells the pods of the sample's Deployments from others. */
function podsOf(sample: Sample): (pod: Pod) => boolean {
	const selectors = sampleObjects(sample)
		.filter(({ kind }) => kind === "Deployment")
		.map(({ spec }) => Object.entries((spec as DeploymentSpec).selector.matchLabels));
	return ({ metadata }) =>
		metadata.namespace === sample.namespace &&
		selectors.some((labels) => labels.every(([key, value]) => metadata.labels?.[key] === value));
}

function unreadyPods(pods: readonly Pod[]): Problem {
	const names = pods.map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`).join(", ");
	const message = `${names === "" ? "no pods were made" : `not ready: ${names}`} (waited ${DEADLINE_MS / 1000} s)`;
	return problem(
		"LTN6014",
		"pods",
		message,
		"see why with `kubectl describe pod` and `kubectl logs`; the mesh goes on",
	);
}

function silentPage(url: string): Problem {
	const fix = "see the gateway's log with `kubectl logs -n istio-system deploy/istio-ingressgateway`; the mesh goes on";
	return problem("LTN6015", url, "the page does not answer with 200", fix);
}

/** Resolves when `done` holds, at once or after a change, at the deadline, or when the signal says so. */
function until(
	wait: { deadlineMs: number; signal: AbortSignal; subscribe: (recheck: () => void) => () => void },
	done: () => boolean,
): Promise<void> {
	if (done() || wait.signal.aborted) return Promise.resolve();
	return new Promise((resolve) => {
		const finish = () => {
			clearTimeout(timer);
			unsubscribe();
			wait.signal.removeEventListener("abort", finish);
			resolve();
		};
		const unsubscribe = wait.subscribe(() => done() && finish());
		const timer = setTimeout(finish, wait.deadlineMs - performance.now());
		wait.signal.addEventListener("abort", finish, { once: true });
	});
}

/** Asks for a page until it is there; false when it does not come by the deadline. */
async function answers(url: string, deadlineMs: number, signal: AbortSignal): Promise<boolean> {
	while (performance.now() < deadlineMs) {
		signal.throwIfAborted();
		const status = await fetch(url, { signal: AbortSignal.timeout(5000) }).then(
			async (response) => {
				await response.arrayBuffer();
				return response.status;
			},
			() => 0, // Not open yet: that is what we wait for.
		);
		if (status === 200) return true;
		await new Promise((resolve) => setTimeout(resolve, PAGE_POLL_MS));
	}
	return false;
}

/** Base URL of the ingress gateway as a browser on this machine reaches it; undefined when it has no address or is not there. */
export async function gatewayUrl(client: KubeClient): Promise<string | undefined> {
	const { items } = await client.list<Service>(RESOURCES.services, {
		namespace: SYSTEM_NAMESPACE,
		fieldSelector: "metadata.name=istio-ingressgateway",
	});
	const [service] = items;
	const ip = service?.status?.loadBalancer?.ingress?.[0]?.ip;
	if (!service || !ip) return undefined;
	const opened = service.metadata.annotations?.["lateen.dev/opened-ports"]?.split(",").find((p) => p.startsWith("80:"));
	return opened ? `http://${ip}:${opened.slice(3)}` : `http://${ip}`;
}

/** Where the mesh can be looked at: the sample's page, gateway, console, API, kubeconfig. */
export async function addresses(
	client: KubeClient,
	state: MeshState,
	sample: Sample | undefined,
): Promise<SummaryLine[]> {
	const gateway = await gatewayUrl(client);
	return [
		...(sample && gateway ? [{ label: sample.page.label, value: gateway + sample.page.path }] : []),
		...(gateway ? [{ label: "Gateway", value: gateway }] : []),
		{ label: "Console", value: state.urls.console },
		{ label: "Kubernetes API", value: state.urls.kubeApi },
		{ label: "Kubeconfig", value: state.kubeconfig },
	];
}

/** What `up` prints when all is up. */
export async function summarise(
	client: KubeClient,
	state: MeshState,
	sample: Sample | undefined,
): Promise<SummaryLine[]> {
	const { items } = await client.list<Pod>(RESOURCES.pods);
	const proxies = items.filter((p) => p.status?.podIP && p.spec.containers.some((c) => c.name === PROXY_CONTAINER));
	return [
		...(await addresses(client, state, sample)),
		...proxies.slice(0, MAX_PROXIES).map((p) => ({
			label: "Proxy admin",
			value: `http://${p.status!.podIP}:${PORTS.proxyAdmin}`,
			of: p.metadata.name!,
		})),
		...(proxies.length > MAX_PROXIES
			? [{ label: "Proxy admin", value: `and ${proxies.length - MAX_PROXIES} more: lateen status` }]
			: []),
	];
}
