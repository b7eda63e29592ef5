import type { KubeObject } from "../kinds/object.ts";
import { createKubeClient } from "../kube/client/create-kube-client.ts";
import { KubeApiError, type KubeClient } from "../kube/client/kube-client.ts";
import { loadKubeconfig } from "../kube/client/load-kubeconfig.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { PORTS, PROXY_CONTAINER } from "../lib/names.ts";
import { formatProblem, problem } from "../lib/problem.ts";
import type { CommandInput } from "./command.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import { getJson, requireMesh } from "./mesh-access.ts";

interface Pod extends KubeObject {
	spec: { containers: { name: string }[]; initContainers?: { name: string }[] };
	status: { podIP?: string };
}

/** The admin pages of the proxy that the first argument names: `[deploy/]name[.namespace]`. */
export async function proxyAdmin(
	input: CommandInput,
): Promise<{ readonly pod: string; get<T>(path: string): Promise<T> }> {
	const mesh = requireMesh(input.flag("data"));
	const client = createKubeClient(loadKubeconfig(mesh.kubeconfig));
	try {
		const pod = await findPod(client, input.args[0]!, input.flag("namespace")!);
		const name = `${pod.metadata.name}.${pod.metadata.namespace}`;
		const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
		if (!containers.some((c) => c.name === PROXY_CONTAINER)) {
			throw fail(
				"LTN4102",
				name,
				"this pod has no proxy",
				"label its namespace istio-injection=enabled and restart the workload",
			);
		}
		if (!pod.status.podIP) throw fail("LTN4103", name, "this pod has no address yet", "wait until it runs");
		return { pod: name, get: (path) => getJson(`http://${pod.status.podIP}:${PORTS.proxyAdmin}${path}`) };
	} finally {
		client.close();
	}
}

async function findPod(client: KubeClient, argument: string, defaultNamespace: string): Promise<Pod> {
	const [type, rest] = argument.includes("/") ? (argument.split("/", 2) as [string, string]) : ["pod", argument];
	const dot = rest.indexOf(".");
	const name = dot < 0 ? rest : rest.slice(0, dot);
	const namespace = dot < 0 ? defaultNamespace : rest.slice(dot + 1);
	if (type === "pod" || type === "pods" || type === "po") return getPod(client, name, namespace);
	if (!["deploy", "deployment", "deployments"].includes(type)) {
		throw fail("LTN4104", argument, `"${type}" is not a type that has a proxy`, "name a pod or deploy/<name>");
	}
	return podOfDeployment(client, name, namespace);
}

async function getPod(client: KubeClient, name: string, namespace: string): Promise<Pod> {
	try {
		return await client.get<Pod>(RESOURCES.pods, name, namespace);
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
		const { items } = await client.list<Pod>(RESOURCES.pods, { namespace });
		const near = items.map((p) => p.metadata.name!).filter((n) => n.startsWith(name.split("-")[0]!));
		const fix =
			near.length > 0
				? `perhaps ${near.join(", ")}`
				: "list pods with `kubectl get pods -A`, name its namespace with -n";
		throw fail("LTN4101", `${name}.${namespace}`, "there is no such pod", fix);
	}
}

async function podOfDeployment(client: KubeClient, name: string, namespace: string): Promise<Pod> {
	interface Deployment extends KubeObject {
		spec: { selector: { matchLabels?: Record<string, string> } };
	}
	let deployment: Deployment;
	try {
		deployment = await client.get<Deployment>(RESOURCES.deployments, name, namespace);
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
		throw fail(
			"LTN4101",
			`deploy/${name}.${namespace}`,
			"there is no such deployment",
			"list them with `kubectl get deploy -A`",
		);
	}
	const labelSelector = Object.entries(deployment.spec.selector.matchLabels ?? {})
		.map(([k, v]) => `${k}=${v}`)
		.join(",");
	const { items } = await client.list<Pod>(RESOURCES.pods, { namespace, labelSelector });
	const pod = items.find((p) => p.status.podIP && !p.metadata.deletionTimestamp);
	if (!pod)
		throw fail("LTN4103", `deploy/${name}.${namespace}`, "none of its pods has an address", "wait until one runs");
	return pod;
}

function fail(code: string, path: string, message: string, fix: string): CommandError {
	return new CommandError(EXIT.failed, formatProblem(problem(code, path, message, fix)));
}
