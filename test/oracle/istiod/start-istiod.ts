import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServerFixture, startFixture } from "../../../src/kube/apiserver/fixture/api-server-fixture.ts";
import type { AddressPlan } from "../../../src/lib/address-plan.ts";
import { eventually } from "../../support/eventually.ts";
import { withoutProxies } from "../../support/kubectl.ts";

const START_TIMEOUT_MS = 40_000;

/** A real istiod over a Lateen API server of its own. */
export interface Istiod extends AsyncDisposable {
	readonly api: ApiServerFixture;
	/** Plaintext xDS. */
	readonly xdsPort: number;
	/** xDS and CSRs over TLS. */
	readonly securePort: number;
	/** What it wrote. */
	log(): string;
	/** A page under `/debug/`, parsed. */
	debug(page: string): Promise<unknown>;
}

export interface IstiodOptions {
	/** MeshConfig, as YAML or JSON. */
	readonly meshConfig?: object;
	/** Address that xDS binds; loopback unless the machine is nobody else's (a network namespace). */
	readonly bind?: string;
	/** For Services; by default loopback addresses. */
	readonly addressPlan?: AddressPlan;
	readonly env?: Readonly<Record<string, string>>;
}

/** Starts an API server and istiod on free ports; resolves when istiod is ready. */
export async function startIstiod(program: string, options: IstiodOptions = {}): Promise<Istiod> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-istiod-"));
	const api = await startFixture(options.addressPlan ? { addressPlan: options.addressPlan } : {});
	await api.expect("POST", "/api/v1/namespaces", {
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name: "istio-system" },
	});
	await writeFile(join(folder, "kubeconfig"), api.server.kubeconfig, { mode: 0o600 });
	await writeFile(join(folder, "mesh.yaml"), JSON.stringify(options.meshConfig ?? {}));
	const [httpPort = 0, httpsPort = 0, xdsPort = 0, securePort = 0, monitoringPort = 0] = await freePorts(5);
	const bind = options.bind ?? "127.0.0.1";
	const env = {
		...withoutProxies(process.env),
		POD_NAMESPACE: "istio-system",
		POD_NAME: "istiod-0",
		PILOT_DEBOUNCE_AFTER: "10ms",
		PILOT_DEBOUNCE_MAX: "100ms",
		PILOT_MAX_REQUESTS_PER_SECOND: "10000",
		...options.env,
	};
	const child = spawn(
		program,
		[
			"pilot-discovery",
			"discovery",
			...["--kubeconfig", join(folder, "kubeconfig"), "--meshConfig", join(folder, "mesh.yaml")],
			...["--namespace", "istio-system", "--ctrlz_port", "0"],
			...["--httpAddr", `127.0.0.1:${httpPort}`, "--httpsAddr", `127.0.0.1:${httpsPort}`],
			...["--grpcAddr", `${bind}:${xdsPort}`, "--secureGRPCAddr", `${bind}:${securePort}`],
			...["--monitoringAddr", `127.0.0.1:${monitoringPort}`],
		],
		{ cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] },
	);
	let log = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => (log += text));
	const close = async () => {
		await end(child);
		await api[Symbol.asyncDispose]();
		await rm(folder, { recursive: true, force: true });
	};
	const page = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`);
	try {
		await eventually(
			"istiod",
			async () => {
				if (child.exitCode !== null) throw new Error(`istiod ended with ${child.exitCode}:\n${log.slice(-4000)}`);
				return log.includes("starting secure gRPC discovery service") && (await page("/ready")).ok;
			},
			START_TIMEOUT_MS,
		);
	} catch (error) {
		await close();
		throw error;
	}
	return {
		api,
		xdsPort,
		securePort,
		log: () => log,
		debug: async (name) => (await page(`/debug/${name}`)).json(),
		[Symbol.asyncDispose]: close,
	};
}

/** Ports that nobody listened on a moment ago. */
async function freePorts(count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer());
	await Promise.all(servers.map((one) => new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve))));
	const ports = servers.map((one) => (one.address() as { port: number }).port);
	await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
	return ports;
}

async function end(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGKILL");
	await gone;
}
