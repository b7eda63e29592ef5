import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "../support/eventually.ts";
import { kubectlFor, withoutProxies } from "../support/kubectl.ts";

const TOKEN = "oracle";
const START_TIMEOUT_MS = 60_000;

/** A real kube-apiserver of its own, without controllers. */
export interface KubeApiServer extends AsyncDisposable {
	/** Path of a kubeconfig for its administrator. */
	readonly kubeconfig: string;
}

/** Starts etcd and kube-apiserver (one program, see tools/oracle) in a fresh folder on free loopback ports; resolves when it is ready. */
export async function startKubeApiServer(program: string): Promise<KubeApiServer> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-oracle-"));
	const kubeconfig = join(folder, "kubeconfig");
	const [client = 0, peer = 0, secure = 0] = await freePorts(3);
	await writeFile(kubeconfig, formatKubeconfig(secure), { mode: 0o600 });
	await writeFile(join(folder, "tokens.csv"), `${TOKEN},lateen-admin,,"system:masters"\n`, { mode: 0o600 });
	await promisify(execFile)("openssl", ["genrsa", "-out", join(folder, "sa.key"), "2048"]);
	const children = [etcdArguments(folder, client, peer), serverArguments(folder, client, secure)].map((args) =>
		spawn(program, args, { stdio: "ignore", env: withoutProxies(process.env) }),
	);
	const close = async () => {
		await Promise.all(children.map(end));
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const kubectl = await kubectlFor(kubeconfig, join(folder, "home"));
		const namespaces = ["get", "ns", "default", "kube-system", "kube-node-lease"];
		await eventually("kube-apiserver", async () => (await kubectl(namespaces)).code === 0, START_TIMEOUT_MS);
	} catch (error) {
		await close();
		throw error;
	}
	return { kubeconfig, [Symbol.asyncDispose]: close };
}

function etcdArguments(folder: string, client: number, peer: number): string[] {
	const clientUrl = `http://127.0.0.1:${client}`;
	const peerUrl = `http://127.0.0.1:${peer}`;
	return [
		"etcd",
		`--data-dir=${join(folder, "etcd")}`,
		`--listen-client-urls=${clientUrl}`,
		`--advertise-client-urls=${clientUrl}`,
		`--listen-peer-urls=${peerUrl}`,
		`--initial-advertise-peer-urls=${peerUrl}`,
		`--initial-cluster=default=${peerUrl}`,
		"--unsafe-no-fsync",
	];
}

function serverArguments(folder: string, etcdPort: number, port: number): string[] {
	return [
		"kube-apiserver",
		`--etcd-servers=http://127.0.0.1:${etcdPort}`,
		`--cert-dir=${join(folder, "certificates")}`,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		`--secure-port=${port}`,
		`--token-auth-file=${join(folder, "tokens.csv")}`,
		"--authorization-mode=RBAC",
		`--service-account-key-file=${join(folder, "sa.key")}`,
		`--service-account-signing-key-file=${join(folder, "sa.key")}`,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		"--allow-privileged=true",
		// Without controllers no namespace gets a service account, so pods could not be made.
		"--disable-admission-plugins=ServiceAccount",
	];
}

function formatKubeconfig(port: number): string {
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name: "oracle", cluster: { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
		users: [{ name: "oracle", user: { token: TOKEN } }],
		contexts: [{ name: "oracle", context: { cluster: "oracle", user: "oracle" } }],
		"current-context": "oracle",
	});
}

/** Ports that nobody listened on a moment ago. */
async function freePorts(count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer());
	const listening = servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
	await Promise.all(listening);
	const ports = servers.map((server) => (server.address() as { port: number }).port);
	await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
	return ports;
}

async function end(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGKILL");
	await gone;
}
