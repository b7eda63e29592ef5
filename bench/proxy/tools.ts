import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchTools } from "./bench-case.ts";
import type { Certificates } from "./certificates.ts";
import type { LoadResult } from "./load-options.ts";
import { cpuUs, firstLine, LOAD_CORES, type Processes, wholeOutput } from "./processes.ts";

const here = import.meta.dirname;
const GRPC_REQUEST = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, "x")]);
/** The generators leave out the first tenth of the time. */
const COUNTED = 0.9;

/** The load generators, each a process on the load's core. */
export function benchTools(
	processes: Processes,
	seconds: number,
	folder: string,
	certificates: Certificates,
): BenchTools {
	const script = (name: string, ...args: readonly (string | number)[]): ChildProcess =>
		processes.start(LOAD_CORES, [process.execPath, join(here, "load", name), ...args.map(String)]);
	const result = async (child: ChildProcess) => JSON.parse(await firstLine(child)) as LoadResult;
	return {
		seconds,
		certificates,
		http1: (load, port) => result(script("http1.ts", JSON.stringify({ ...load, port }))),
		tcp: (connections, port) => result(script("tcp.ts", port, connections, seconds)),
		async hold(connections, port) {
			const child = script("connections.ts", port, connections);
			await firstLine(child);
			return child;
		},
		async http2({ connections, streams, grpc }, port) {
			const body = join(folder, "grpc-request");
			writeFileSync(body, GRPC_REQUEST);
			const own = grpc ? ["-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"] : [];
			const path = grpc ? "/bench.Bench/Call" : "/productpage?u=normal";
			const child = processes.start(LOAD_CORES, [
				...["h2load", "-D", String(seconds), "-c", String(connections), "-m", String(streams), ...own],
				`http://127.0.0.1:${port}${path}`,
			]);
			return readH2load(await wholeOutput(child));
		},
		async cpuPerRequest(proxy, load) {
			const before = cpuUs(proxy.pid);
			const seen = await load();
			if (seen.errors > 0 || seen.requests === 0) throw new Error(`${seen.errors} errors, ${seen.requests} answers`);
			const counted = Number.isNaN(seen.p50Us) ? 1 : COUNTED;
			return { cpuUs: ((cpuUs(proxy.pid) - before) * counted) / seen.requests, load: seen };
		},
	};
}

function readH2load(text: string): LoadResult {
	const counts = /requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(
		text,
	);
	if (!counts) throw new Error(`h2load said:\n${text}`);
	const [done, , failed, errored] = counts.slice(1).map(Number) as [number, number, number, number];
	const good = Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0);
	return { requests: done, errors: failed + errored + (done - good), bytes: 0, p50Us: Number.NaN, p99Us: Number.NaN };
}
