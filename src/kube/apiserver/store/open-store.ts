import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProblemError, problem } from "../../../lib/problem.ts";
import { LevelJournal } from "./level-journal.ts";
import { Store, type StoreOptions } from "./store.ts";
import { deepestMessage } from "./store-error.ts";

const OWNER_FILE = "owner.json";

/**
 * Opens the durable store in a folder (made when missing, mode 0700). Throws ProblemError LTN2001 when another process holds it,
 * with that process's id, and LTN2002 when the folder cannot be used.
 */
export async function openStore(folder: string, options: StoreOptions): Promise<Store> {
	let journal: LevelJournal;
	try {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		journal = await LevelJournal.open(join(folder, "data"));
	} catch (cause) {
		throw await openProblem(folder, cause);
	}
	await writeFile(join(folder, OWNER_FILE), JSON.stringify({ pid: process.pid }), { mode: 0o600 });
	return Store.open(journal, options);
}

async function openProblem(folder: string, cause: unknown): Promise<ProblemError> {
	if (isLocked(cause)) {
		const holder = await readHolder(folder);
		const text = `the store is in use by ${holder}`;
		return new ProblemError(
			[problem("LTN2001", folder, text, "stop that process first, or choose another data folder with --data")],
			{ cause },
		);
	}
	const reason = deepestMessage(cause);
	return new ProblemError(
		[
			problem(
				"LTN2002",
				folder,
				`the store cannot be opened: ${reason}`,
				"check the folder's permissions and free space",
			),
		],
		{ cause },
	);
}

async function readHolder(folder: string): Promise<string> {
	try {
		const { pid } = JSON.parse(await readFile(join(folder, OWNER_FILE), "utf8")) as { pid?: unknown };
		if (pid === process.pid) return "this process";
		return typeof pid === "number" ? `process ${pid}` : "another process";
	} catch {
		return "another process"; // the file is a courtesy; LevelDB's lock is what counts
	}
}

function isLocked(error: unknown): boolean {
	for (let at = error; at instanceof Error; at = at.cause) {
		if ((at as NodeJS.ErrnoException).code === "LEVEL_LOCKED") return true;
	}
	return false;
}
