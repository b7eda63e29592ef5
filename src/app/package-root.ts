import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let found: string | undefined;

/** The folder of the lateen package, from a checkout's sources and from the bundle alike. */
export function packageRoot(): string {
	if (found) return found;
	let folder = dirname(fileURLToPath(import.meta.url));
	for (;;) {
		const manifest = join(folder, "package.json");
		if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, "utf8")) as { name?: string }).name === "lateen") {
			found = folder;
			return folder;
		}
		const parent = dirname(folder);
		if (parent === folder) throw new Error(`no package.json of lateen above ${fileURLToPath(import.meta.url)}`);
		folder = parent;
	}
}
