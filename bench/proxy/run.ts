// `npm run bench:proxy`: rows of the table in docs/benchmarks.md. For each case two proxies (usually Lateen's and Envoy from one bootstrap file, one worker pinned to one core each) take
// turns; printed are medians over the rounds and their ratio. Options: --case NAME[,NAME] (http1; "all"), --rounds N (5), --seconds S (4), --only lateen|envoy, --profile FOLDER.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findEnvoy } from "../../test/support/envoy.ts";
import type { BenchCase, BenchTools, ProxyUnderTest, Subject } from "./bench-case.ts";
import { benchBootstrap } from "./bootstrap.ts";
import { CASES } from "./cases.ts";
import { makeCertificates } from "./certificates.ts";
import { firstLine, freePort, LOAD_CORES, listening, PROXY_CORES, Processes, stop } from "./processes.ts";
import { benchTools } from "./tools.ts";

const { values } = parseArgs({
	options: {
		case: { type: "string", default: "http1" },
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "4" },
		only: { type: "string" },
		profile: { type: "string" },
	},
});
const here = import.meta.dirname;
const lateen = join(here, "..", "..", "bin", "lateen");
const folder = mkdtempSync(join(tmpdir(), "lateen-bench-"));
const processes = new Processes();

try {
	const tools = benchTools(processes, Number(values.seconds), folder, makeCertificates(folder));
	for (const one of chosenCases()) await runCase(one, tools);
} finally {
	processes.end();
	rmSync(folder, { recursive: true, force: true });
}

function chosenCases(): readonly BenchCase[] {
	if (values.case === "all") return CASES;
	return values.case.split(",").map((name) => {
		const found = CASES.find((one) => one.name === name);
		if (!found) throw new Error(`no case "${name}"; there are: ${CASES.map((one) => one.name).join(", ")}`);
		return found;
	});
}

async function runCase(one: BenchCase, tools: BenchTools): Promise<void> {
	console.log(`\n${one.name}: ${one.what}`);
	const body = one.upstream.bodyBytes === undefined ? [] : [`BODY_BYTES=${one.upstream.bodyBytes}`];
	const tls = one.upstream.tls ? [JSON.stringify(tools.certificates)] : [];
	const command = ["env", ...body, process.execPath, join(here, "upstream.ts"), one.upstream.kind, ...tls];
	const upstream = processes.start(LOAD_CORES, command);
	const upstreamPort = Number(await firstLine(upstream));
	const subjects = one.subjects(tools);
	const samples: Record<string, number>[][] = subjects.map(() => []);
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const [i, subject] of subjects.entries()) {
			if (values.only !== undefined && values.only !== subject.proxy) continue;
			const sample = await measure(one, subject, upstreamPort, tools);
			samples[i]!.push(sample);
			console.error(subject.name, JSON.stringify(sample));
		}
	}
	await stop(upstream);
	report(one, subjects, samples);
}

async function measure(one: BenchCase, subject: Subject, upstreamPort: number, tools: BenchTools) {
	const proxy = await startProxy(subject, upstreamPort);
	try {
		if (!one.cold) await one.measure(proxy, { ...tools, seconds: 1 });
		return await one.measure(proxy, tools);
	} finally {
		await proxy.stop();
	}
}

async function startProxy(subject: Subject, upstreamPort: number): Promise<ProxyUnderTest & { stop(): Promise<void> }> {
	const ports = { listener: await freePort(), admin: await freePort(), upstream: upstreamPort };
	const file = join(folder, "bootstrap.json");
	writeFileSync(file, JSON.stringify(benchBootstrap(ports, subject.options)));
	const workers = subject.workers ?? 1;
	const cores = workers === 1 ? PROXY_CORES : `${PROXY_CORES}-${workers - 1}`;
	const child = processes.start(cores, await commandOf(subject, file, workers));
	await listening(ports.listener);
	const end = () => {
		if (values.profile === undefined || subject.proxy === "envoy") return stop(child);
		return new Promise<void>((resolve) => {
			child.once("exit", () => resolve());
			child.kill("SIGTERM");
		});
	};
	return { pid: child.pid!, port: ports.listener, upstreamPort, stop: end };
}

async function commandOf(subject: Subject, file: string, workers: number): Promise<readonly string[]> {
	if (subject.proxy === "lateen") {
		const profile =
			values.profile === undefined ? [] : ["env", `NODE_OPTIONS=--cpu-prof --cpu-prof-dir=${values.profile}`];
		const concurrency = workers === 1 ? [] : ["--concurrency", String(workers)];
		return [...profile, lateen, "proxy", "-c", file, "-l", "error", ...concurrency];
	}
	const found = await findEnvoy();
	if ("skip" in found) throw new Error(`no Envoy to compare with: ${found.skip}`);
	return [found.path, "-c", file, "--concurrency", String(workers), "--use-dynamic-base-id", "-l", "error"];
}

function report(one: BenchCase, subjects: readonly Subject[], samples: readonly Record<string, number>[][]): void {
	const names = subjects.map(({ name }) => name.padStart(14)).join("");
	console.log(`${"".padEnd(20)}${names}${"ratio".padStart(8)}${"target".padStart(8)}`);
	for (const key of Object.keys(samples.flat()[0] ?? {})) {
		const medians = samples.map((of) => median(of.map((sample) => sample[key]!)));
		const ratio = (medians[0]! / medians[1]!).toFixed(2).padStart(8);
		const target = String(one.targets[key] ?? "").padStart(8);
		console.log(`${key.padEnd(20)}${medians.map((m) => m.toFixed(1).padStart(14)).join("")}${ratio}${target}`);
	}
}

function median(of: readonly number[]): number {
	const sorted = [...of].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
