import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectErrors, type RunningEnvoy, readStats, stopChild } from "./envoy.ts";
import { eventually } from "./eventually.ts";

const ENTRY = new URL("../../src/app/proxy.ts", import.meta.url).href;
const PROGRAM = `import(${JSON.stringify(ENTRY)}).then((m) => m.runProxy(process.argv.slice(1)))`;
const ADMIN_LINE = /"admin":"(http:[^"]+)".*the proxy runs/;

/** Starts Lateen's proxy from a bootstrap in a process of its own, in the shape of `startEnvoy`. */
export async function startLateenProxy(
	bootstrap: Readonly<Record<string, unknown>>,
	more: readonly string[] = [],
): Promise<RunningEnvoy> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-proxy-run-"));
	const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
	const config = join(folder, "bootstrap.json");
	await writeFile(config, JSON.stringify({ admin, ...bootstrap }));
	const stdout = await open(join(folder, "stdout"), "w");
	const flags = ["-c", config, "--shutdown-deadline-s", "0", ...more];
	const child = spawn(process.execPath, ["-e", PROGRAM, "--", ...flags], { stdio: ["ignore", stdout.fd, "pipe"] });
	await stdout.close();
	const log = collectErrors(child);
	const stop = () => stopChild(child, folder);
	try {
		const adminUrl = await eventually(
			"the proxy's admin address",
			() => {
				if (child.exitCode !== null) throw new Error(`the proxy ended with ${child.exitCode}:\n${log()}`);
				return log()
					.split("\n")
					.map((line) => ADMIN_LINE.exec(line)?.[1])
					.find((url) => url !== undefined);
			},
			15_000,
		);
		return {
			adminUrl,
			pid: child.pid ?? 0,
			log,
			output: () => readFileSync(join(folder, "stdout"), "utf8"),
			stats: (filter) => readStats(adminUrl, filter),
			stop,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}
