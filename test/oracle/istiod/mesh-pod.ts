import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { applyObjects } from "./apply.ts";
import type { Pod, PodNetwork } from "./pod-network.ts";
import type { Istiod } from "./start-istiod.ts";

/** The group that Istio's rules let past the redirection. */
const PROXY_GROUP = "1337";
const AGENT_START_MS = 30_000;

export interface MeshPodOptions {
	readonly name: string;
	readonly namespace?: string;
	readonly labels: Readonly<Record<string, string>>;
	/** No proxy: a pod outside of the mesh. */
	readonly bare?: boolean;
	readonly role?: "sidecar" | "router";
	/** Service → port that it has in the pod. */
	readonly services?: Readonly<Record<string, readonly { name: string; port: number }[]>>;
}

export interface MeshPod extends Pod {
	readonly name: string;
	/** What the agent and the proxy wrote. */
	log(): string;
	/** A page of the proxy's admin interface. */
	admin(path: string): Promise<string>;
}

export interface MeshParts {
	readonly network: PodNetwork;
	readonly istiod: Istiod;
	/** The program of tools/oracle/istiod. */
	readonly program: string;
	/** Folder of Istio's source. */
	readonly source: string;
	/** A script that starts Lateen's proxy with Envoy's arguments. */
	readonly proxy: string;
	/** A folder of the test's. */
	readonly folder: string;
	readonly rootCert: string;
}

/** A pod as Kubernetes and Istio's injection would have made it: objects in the API, rules of redirection, and Istio's own agent, which starts the proxy. */
export async function startMeshPod(parts: MeshParts, options: MeshPodOptions): Promise<MeshPod> {
	const pod = await parts.network.pod();
	await announce(parts.istiod, options, pod.ip);
	const output: string[] = [];
	const children: ChildProcess[] = [];
	const start = (command: readonly string[], more: Parameters<Pod["start"]>[1] = {}) => {
		const child = pod.start(command, { stdio: ["ignore", "pipe", "pipe"], ...more });
		for (const stream of [child.stdout, child.stderr])
			stream?.setEncoding("utf8").on("data", (text: string) => output.push(text));
		children.push(child);
		return child;
	};
	const meshPod: MeshPod = {
		...pod,
		name: options.name,
		start,
		log: () => output.join(""),
		admin: (path) => pod.run(["curl", "-s", `http://127.0.0.1:15000${path}`]),
		close: () => {
			for (const child of children) child.kill("SIGKILL");
			pod.close();
		},
	};
	if (!options.bare) await startAgent(parts, options, meshPod);
	return meshPod;
}

/** ServiceAccount, Pod and EndpointSlices, which a kubelet and controllers would have made. */
async function announce({ api }: Istiod, options: MeshPodOptions, ip: string): Promise<void> {
	const { name, namespace = "default", labels, services = {}, bare = false } = options;
	const pods = `/api/v1/namespaces/${namespace}/pods`;
	await api.send("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, account(name));
	const all = bare ? labels : { ...labels, "security.istio.io/tlsMode": "istio" };
	const spec = { serviceAccountName: name, nodeName: "node", containers: [{ name: "app", image: "app" }] };
	const body = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels: all }, spec };
	const made = await api.expect("POST", pods, body);
	const conditions = [{ type: "Ready", status: "True" }];
	const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions };
	await api.expect("PUT", `${pods}/${name}/status`, { ...made, status });
	const targetRef = { kind: "Pod", name, namespace };
	const slices = Object.entries(services).map(([service, ports]) => ({
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: `${service}-${name}`, namespace, labels: { "kubernetes.io/service-name": service } },
		addressType: "IPv4",
		endpoints: [{ addresses: [ip], conditions: { ready: true }, targetRef, nodeName: "node" }],
		ports,
	}));
	const { refused } = await applyObjects(api, slices);
	if (refused.length > 0) throw new Error(refused.join("\n"));
}

function account(name: string) {
	return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } };
}

async function startAgent(parts: MeshParts, options: MeshPodOptions, pod: MeshPod): Promise<void> {
	const { name, namespace = "default", labels, role = "sidecar" } = options;
	const { istiod, program, source } = parts;
	const home = join(parts.folder, name);
	await writeFiles(home, {
		"var/run/secrets/tokens/istio-token": await tokenFor(istiod, namespace, name),
		"var/run/secrets/istio/root-cert.pem": parts.rootCert,
	});
	const config = {
		discoveryAddress: `${parts.network.hostIp}:${istiod.securePort}`,
		binaryPath: parts.proxy,
		configPath: "./etc/istio/proxy",
		concurrency: 1,
		terminationDrainDuration: "0s",
	};
	const env = {
		PATH: process.env.PATH,
		HOME: home,
		PROXY_CONFIG: JSON.stringify(config),
		POD_NAME: name,
		POD_NAMESPACE: namespace,
		INSTANCE_IP: pod.ip,
		HOST_IP: parts.network.hostIp,
		SERVICE_ACCOUNT: name,
		ISTIOD_SAN: "istiod.istio-system.svc",
		TRUST_DOMAIN: "cluster.local",
		ISTIO_META_CLUSTER_ID: "Kubernetes",
		ISTIO_META_INTERCEPTION_MODE: "REDIRECT",
		ISTIO_META_WORKLOAD_NAME: name,
		ISTIO_META_MESH_ID: "cluster.local",
		ISTIO_METAJSON_LABELS: JSON.stringify({
			...labels,
			"service.istio.io/canonical-name": labels.app,
			"service.istio.io/canonical-revision": labels.version ?? "latest",
		}),
		ISTIO_META_OWNER: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
	};
	if (role === "sidecar")
		await pod.run([
			program,
			"pilot-agent",
			"istio-iptables",
			...["-p", "15001", "-z", "15006", "-u", "1337", "-g", PROXY_GROUP, "-m", "REDIRECT"],
			...["-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"],
		]);
	const template = join(source, "tools/packaging/common/envoy_bootstrap.json");
	const agent = [
		program,
		"pilot-agent",
		"proxy",
		role,
		"--domain",
		`${namespace}.svc.cluster.local`,
		"--templateFile",
		template,
		"--proxyLogLevel=info",
		"--log_output_level=default:info",
	];
	const child = pod.start(["setpriv", "--regid", PROXY_GROUP, "--clear-groups", ...agent], { cwd: home, env });
	await eventually(
		`the proxy of ${name}`,
		() => {
			if (child.exitCode !== null) throw new Error(`the agent of ${name} ended:\n${pod.log()}`);
			return isReady(pod);
		},
		AGENT_START_MS,
	).catch((error: Error) => {
		throw new Error(`${error.message}\n${pod.log().slice(-6000)}`, { cause: error });
	});
}

async function isReady(pod: MeshPod): Promise<boolean> {
	await new Promise((resolve) => setTimeout(resolve, 200));
	const ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:15021/healthz/ready"];
	return (await pod.run(ask).catch(() => "")) === "200";
}

async function tokenFor({ api }: Istiod, namespace: string, name: string): Promise<string> {
	const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: ["istio-ca"] } };
	const answer = await api.expect("POST", `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, body);
	return (answer as unknown as { status: { token: string } }).status.token;
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
	for (const [path, text] of Object.entries(files)) {
		await mkdir(join(folder, path, ".."), { recursive: true });
		await writeFile(join(folder, path), text);
	}
}
