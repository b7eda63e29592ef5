import { setTimeout as sleep } from "node:timers/promises";
import { type DataFolder, dataFolder } from "../../app/data-folder.ts";
import { markStopped, readMeshState } from "../../app/mesh-state.ts";
import { isAlive, type ProcessIdentity } from "../../app/process-identity.ts";
import { purgeFolder } from "../../app/purge-folder.ts";
import { stopStrayPods } from "../../app/stray-pods.ts";
import { formatProblem, problem } from "../../lib/problem.ts";
import { DATA_FLAG, defineCommand } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

const STOP_DEADLINE_MS = 45_000;
const POLL_MS = 50;

export const down = defineCommand({
	name: "down",
	summary: "Stop a mesh and everything that it started",
	details: "The state stays: a later `lateen up` resumes it.",
	flags: { data: DATA_FLAG, purge: { help: "also delete its state and logs: the next start begins anew" } },
	examples: ["lateen down", "lateen down --purge"],
	async run({ flag, isSet, out, signal }) {
		const folder = dataFolder(flag("data")!);
		const state = readMeshState(folder);
		const processes = [state?.guardian, state?.mesh].filter((p): p is ProcessIdentity => p !== undefined && isAlive(p));
		if (processes[0]) {
			process.kill(processes[0].pid, "SIGTERM");
			await waitUntilGone(processes, signal);
		}
		const strays = await stopStrayPods(folder);
		markStopped(folder);
		if (isSet("purge")) purge(folder, out);
		const purged = isSet("purge") ? " Its state and logs are deleted." : "";
		const ended = strays > 0 ? ` ${strays} left-over container processes were ended too.` : "";
		if (processes.length === 0 && strays === 0) out.note(`No mesh was running in ${folder.root}.${purged}`);
		else out.note(`${out.style.green("✔")} Stopped.${ended}${purged}`);
		return EXIT.ok;
	},
});

function purge(folder: DataFolder, out: Terminal): void {
	const left = purgeFolder(folder);
	if (left === "foreign") {
		const told = problem("LTN4005", folder.root, "no mesh keeps its state here; nothing was deleted", "mend --data");
		throw new CommandError(EXIT.usage, formatProblem(told));
	}
	if (left.length > 0) out.warn(`${folder.root} stays: ${left.join(", ")} is not the mesh's.`);
}

async function waitUntilGone(processes: readonly ProcessIdentity[], signal: AbortSignal): Promise<void> {
	const deadline = performance.now() + STOP_DEADLINE_MS;
	while (processes.some(isAlive)) {
		if (signal.aborted) throw new CommandError(EXIT.interrupted, "Interrupted; the mesh goes on stopping.");
		if (performance.now() > deadline) {
			const pids = processes.filter(isAlive).map((p) => p.pid);
			throw new CommandError(
				EXIT.failed,
				formatProblem(
					problem(
						"LTN6011",
						"",
						`process ${pids.join(", ")} did not end within ${STOP_DEADLINE_MS / 1000} s`,
						"look into logs/mesh.log, then end it with kill -9",
					),
				),
			);
		}
		await sleep(POLL_MS);
	}
}
