import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "../../lib/clock.ts";

const LOOK_MS = 250;

/**
 * Calls `onChange` when a file may have changed; the returned function ends it. Where the system has no more watches to
 * give (ENOSPC of inotify, EMFILE) it calls four times a second instead.
 */
export function watchFile(path: string, onChange: () => void, clock: Clock): () => void {
	let cancel = () => {};
	const look = () => {
		cancel = clock.after(LOOK_MS, () => {
			onChange();
			look();
		});
	};
	let watcher: FSWatcher | undefined;
	try {
		watcher = watch(path, { persistent: false }, onChange);
		watcher.on("error", look);
	} catch {
		look(); // no watch to be had: looking is the answer
	}
	return () => {
		watcher?.close();
		cancel();
	};
}
