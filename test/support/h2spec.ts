import { execFile } from "node:child_process";
import { access, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const MODULE = "github.com/summerwind/h2spec";
const VERSION = "v2.2.1+incompatible";
const BUILD_TIMEOUT_MS = 240_000;
const RUN_TIMEOUT_MS = 120_000;

/** Where h2spec is, or why there is none on this machine. */
export type H2spec = { readonly path: string } | { readonly skip: string };

let found: Promise<H2spec> | undefined;

/**
 * Finds h2spec (conformance tests for HTTP/2 servers) in the cache folder (`$XDG_CACHE_HOME/lateen`), or builds it there with Go, which takes
 * half a minute once. Tests pass `skip` to `node:test`.
 */
export function findH2spec(): Promise<H2spec> {
	found ??= locate().catch((error: unknown) => ({
		skip: `h2spec cannot be had: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`,
	}));
	return found;
}

async function locate(): Promise<H2spec> {
	const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lateen");
	const path = join(cache, `h2spec-2.2.1`);
	const there = await access(path, constants.X_OK).then(
		() => true,
		() => false,
	);
	if (there) return { path };
	await mkdir(cache, { recursive: true });
	const folder = await mkdtemp(join(tmpdir(), "lateen-h2spec-"));
	try {
		const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
		await run("go", ["install", `${MODULE}/cmd/h2spec@${VERSION}`], { env, timeout: BUILD_TIMEOUT_MS });
		await rename(join(folder, "h2spec"), path);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
	return { path };
}

export interface H2specResult {
	readonly passed: number;
	readonly failed: number;
	/** The report's part about what failed. */
	readonly failures: string;
}

/** Runs all tests against a server on 127.0.0.1; `extra` are further arguments. */
export async function runH2spec(path: string, port: number, extra: readonly string[] = []): Promise<H2specResult> {
	const args = ["-p", String(port), "-h", "127.0.0.1", "-o", "2", ...extra];
	// It ends with 1 when a test fails, which its report tells better.
	const report = await run(path, args, { timeout: RUN_TIMEOUT_MS }).then(
		({ stdout }) => stdout,
		(error: { stdout?: string }) => error.stdout ?? "",
	);
	const sum = /(\d+) passed, \d+ skipped, (\d+) failed/.exec(report);
	if (!sum) throw new Error(`h2spec gave no report: ${report.slice(-400)}`);
	return { passed: Number(sum[1]), failed: Number(sum[2]), failures: report.slice(report.indexOf("Failures:")) };
}
