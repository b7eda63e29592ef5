// `npm run bench:proxy`: Lateen's proxy and Envoy with the same bootstrap file, one worker pinned to one core each, alternating; prints
// ratios Lateen/Envoy, medians over the rounds. Options: --rounds N (5), --seconds S (3), --connections C (32), --rate R (4000).
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findEnvoy } from "../../test/support/envoy.ts";
import { benchBootstrap } from "./bootstrap.ts";

const PROXY_CORE = "0";
const LOAD_CORE = "1";
const TICKS_PER_SECOND = 100;

interface Sample {
	readonly cpuUsPerRequest: number;
	readonly requestsPerSecond: number;
	readonly p50Us: number;
	readonly p99Us: number;
	/** At the fixed rate. */
	readonly ratedCpuUsPerRequest: number;
	readonly ratedP50Us: number;
	readonly ratedP99Us: number;
	readonly rssMb: number;
}

interface Load {
	readonly requests: number;
	readonly errors: number;
	readonly p50Us: number;
	readonly p99Us: number;
}

const { values } = parseArgs({
	options: {
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "3" },
		connections: { type: "string", default: "32" },
		rate: { type: "string", default: "4000" },
		only: { type: "string" },
	},
});
const here = import.meta.dirname;
const root = join(here, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "lateen-bench-"));
const children = new Set<ChildProcess>();

try {
	await main();
} finally {
	for (const child of children) child.kill("SIGKILL");
	rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
	const envoy = values.only === "lateen" ? undefined : await envoyPath();
	const upstream = pinned(LOAD_CORE, [process.execPath, join(here, "upstream.ts")]);
	const upstreamPort = Number(await firstLine(upstream));
	const samples: Record<string, Sample[]> = { lateen: [], envoy: [] };
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const name of ["lateen", "envoy"]) {
			if (name === "envoy" && !envoy) continue;
			const sample = await measure(name, envoy ?? "", upstreamPort);
			samples[name]!.push(sample);
			console.error(name, JSON.stringify(sample));
		}
	}
	report(samples.lateen!, samples.envoy!);
}

async function envoyPath(): Promise<string> {
	const found = await findEnvoy();
	if ("skip" in found) throw new Error(`no Envoy to compare with: ${found.skip}`);
	return found.path;
}

async function measure(name: string, envoy: string, upstream: number): Promise<Sample> {
	const ports = { listener: await freePort(), admin: await freePort(), upstream };
	const file = join(folder, `${name}.json`);
	writeFileSync(file, JSON.stringify(benchBootstrap(ports)));
	const command =
		name === "envoy"
			? [envoy, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
			: [join(root, "bin", "lateen"), "proxy", "-c", file, "-l", "error"];
	const proxy = pinned(PROXY_CORE, command);
	await listening(ports.listener);
	await load(ports.listener, 1);
	const full = await measured(proxy, () => load(ports.listener, Number(values.seconds)));
	const rated = await measured(proxy, () => load(ports.listener, Number(values.seconds), Number(values.rate)));
	const rssMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.pid}/status`, "utf8"))![1]) / 1024;
	await stop(proxy);
	return {
		cpuUsPerRequest: full.cpuUsPerRequest,
		requestsPerSecond: full.load.requests / (Number(values.seconds) * 0.9),
		p50Us: full.load.p50Us,
		p99Us: full.load.p99Us,
		ratedCpuUsPerRequest: rated.cpuUsPerRequest,
		ratedP50Us: rated.load.p50Us,
		ratedP99Us: rated.load.p99Us,
		rssMb,
	};
}

/** CPU of `proxy` per request while `run` loads it. The load reports nine tenths of its requests, so the CPU is scaled alike. */
async function measured(proxy: ChildProcess, run: () => Promise<Load>) {
	const before = cpuUs(proxy.pid!);
	const result = await run();
	if (result.errors > 0) throw new Error(`${result.errors} requests failed`);
	return { load: result, cpuUsPerRequest: ((cpuUs(proxy.pid!) - before) * 0.9) / result.requests };
}

async function load(port: number, seconds: number, rate?: number): Promise<Load> {
	const args = [port, values.connections, seconds, ...(rate === undefined ? [] : [rate])].map(String);
	const child = pinned(LOAD_CORE, [process.execPath, join(here, "load.ts"), ...args]);
	return JSON.parse(await firstLine(child)) as Load;
}

function report(lateen: readonly Sample[], envoy: readonly Sample[]): void {
	console.log(`${"".padEnd(24)}${"lateen".padStart(12)}${"envoy".padStart(12)}${"ratio".padStart(10)}`);
	for (const key of Object.keys(lateen[0]!) as (keyof Sample)[]) {
		const own = median(lateen.map((sample) => sample[key]));
		const other = median(envoy.map((sample) => sample[key]));
		const ratio = (own / other).toFixed(2).padStart(10);
		console.log(`${key.padEnd(24)}${own.toFixed(1).padStart(12)}${other.toFixed(1).padStart(12)}${ratio}`);
	}
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** utime + stime of a process (proc(5)). */
function cpuUs(pid: number): number {
	const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
		.replace(/^.*\) /, "")
		.split(" ");
	return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

function pinned(core: string, command: readonly string[]): ChildProcess {
	const child = spawn("taskset", ["-c", core, ...command], { stdio: ["ignore", "pipe", "inherit"] });
	children.add(child);
	child.once("exit", () => children.delete(child));
	return child;
}

function firstLine(child: ChildProcess): Promise<string> {
	return new Promise((resolve, reject) => {
		let text = "";
		child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
			text += chunk;
			if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
		});
		child.once("exit", () => reject(new Error("a child of the benchmark ended early")));
	});
}

function stop(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => {
		child.once("exit", () => resolve());
		child.kill("SIGKILL");
	});
}

function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer().listen(0, "127.0.0.1", () => {
			const { port } = server.address() as AddressInfo;
			server.close(() => resolve(port));
		});
	});
}

async function listening(port: number): Promise<void> {
	const deadline = Date.now() + 10_000;
	while (!(await accepts(port))) {
		if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after 10 s`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

function accepts(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}
