import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { DataFolder } from "./data-folder.ts";

/**
 * Deletes what a mesh keeps in its folder, and the folder when nothing else is in it: whoever names the wrong folder loses nothing. Answers
 * `foreign`, deleting nothing, when no mesh keeps its state there, else the names of what is left.
 */
export function purgeFolder(folder: DataFolder): "foreign" | readonly string[] {
	if (!existsSync(folder.root)) return [];
	const names = readdirSync(folder.root);
	if (names.length > 0 && !existsSync(folder.meshState) && !existsSync(folder.kubeletToken)) return "foreign";
	const own = new Set(
		[folder.meshState, folder.lock, folder.kubeconfig, folder.store, folder.ca, folder.logs, folder.pods]
			.concat([folder.kubeletToken, folder.netproxyState, folder.tools, folder.compileCache])
			.map((path) => basename(path)),
	);
	for (const name of names) {
		if (own.has(name) || name.startsWith(`${basename(folder.meshState)}.`))
			rmSync(join(folder.root, name), { recursive: true, force: true });
	}
	const left = readdirSync(folder.root);
	if (left.length === 0) rmdirSync(folder.root);
	return left;
}
