import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { DEFAULT_DATA_FOLDER } from "../app/data-folder.ts";
import { packageRoot } from "../app/package-root.ts";
import type { NextSteps } from "./progress.ts";

/** How another terminal gets at a mesh that is up, and how it ends. */
export function nextSteps(isDetached: boolean): NextSteps {
	return ({ kubeconfig }) => {
		const path = isOnPath("lateen") ? "" : ` PATH=${quote(join(packageRoot(), "bin"))}:$PATH`;
		const variables = `export KUBECONFIG=${quote(kubeconfig)}${path}`;
		const folder = dirname(kubeconfig);
		const data = folder === resolve(DEFAULT_DATA_FOLDER) ? "" : ` --data ${quote(folder)}`;
		return isDetached
			? [
					`For kubectl and lateen:  ${variables}`,
					`It runs in the background: \`lateen status\` shows it, \`lateen down${data}\` ends it.`,
				]
			: [`In another terminal:  ${variables}`, "Ctrl-C ends it."];
	};
}

function isOnPath(program: string): boolean {
	return (process.env.PATH ?? "").split(delimiter).some((folder) => {
		try {
			accessSync(join(folder, program), constants.X_OK);
			return true;
		} catch {
			return false; // not in this folder
		}
	});
}

/** As a shell reads it back. */
function quote(word: string): string {
	return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
