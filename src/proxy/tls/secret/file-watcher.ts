import { type FSWatcher, readlinkSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../../lib/clock.ts";
import type { DataSource } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { Secret } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { fileOf } from "./data-source.ts";

export interface FileWatch {
	close(): void;
}

/** Certificate and key are written one after the other: look when a folder has been quiet for so long. */
const QUIET_MS = 100;

/**
 * Tells of changes in folders. Files are watched by their folder, because they change by being replaced: by rename, or as in Kubernetes
 * volumes by a symbolic link (`..data`) that is pointed elsewhere.
 */
export class FileWatcher {
	readonly #clock: Clock;
	readonly #folders = new Map<string, WatchedFolder>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Calls `onChange` some time after anything in `folder` changed. A folder that is not there is never told of. */
	watch(folder: string, onChange: () => void): FileWatch {
		let watched = this.#folders.get(folder);
		if (!watched) {
			watched = new WatchedFolder(folder, this.#clock);
			this.#folders.set(folder, watched);
		}
		const own = watched;
		own.users.add(onChange);
		return {
			close: () => {
				own.users.delete(onChange);
				if (own.users.size > 0) return;
				own.close();
				if (this.#folders.get(folder) === own) this.#folders.delete(folder);
			},
		};
	}

	close(): void {
		for (const folder of this.#folders.values()) folder.close();
		this.#folders.clear();
	}
}

class WatchedFolder {
	readonly users = new Set<() => void>();
	readonly #clock: Clock;
	readonly #watcher: FSWatcher | undefined;
	#cancel = () => {};

	constructor(folder: string, clock: Clock) {
		this.#clock = clock;
		this.#watcher = openWatcher(folder, () => this.#changed());
	}

	close(): void {
		this.#cancel();
		this.#watcher?.close();
	}

	#changed(): void {
		this.#cancel();
		this.#cancel = this.#clock.after(QUIET_MS, () => {
			for (const user of [...this.users]) user();
		});
	}
}

function openWatcher(folder: string, onChange: () => void): FSWatcher | undefined {
	try {
		if (!statSync(folder).isDirectory()) return undefined;
		const watcher = watch(folder, { persistent: false }, onChange);
		// The folder is gone: what was read stays in force.
		watcher.on("error", () => watcher.close());
		return watcher;
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT" || code === "EACCES" || code === "EMFILE" || code === "ENOSPC") return undefined;
		throw error;
	}
}

/** The folders whose changes concern a secret; `byFile`: those of its files, too. */
export function watchedFolders(secret: Secret, byFile: boolean): string[] {
	const { type } = secret;
	if (type.case === "tlsCertificate") {
		const { certificateChain, privateKey, password, ocspStaple, watchedDirectory } = type.value;
		return foldersOf([certificateChain, privateKey, password, ocspStaple], watchedDirectory?.path, byFile);
	}
	if (type.case === "validationContext") {
		const { trustedCa, crl, watchedDirectory } = type.value;
		return foldersOf([trustedCa, crl], watchedDirectory?.path, byFile);
	}
	if (type.case === "sessionTicketKeys") return foldersOf(type.value.keys, undefined, byFile);
	return [];
}

/** A folder that is named takes the place of the files' own. */
export function foldersOf(
	sources: readonly (DataSource | undefined)[],
	named: string | undefined,
	byFile: boolean,
): string[] {
	const folders = new Set<string>();
	for (const source of sources) {
		const own = source?.watchedDirectory?.path;
		if (own) folders.add(own);
		const file = fileOf(source);
		if (file !== undefined && byFile && !named && !own) for (const folder of linkFolders(file)) folders.add(folder);
	}
	if (named) folders.add(named);
	return [...folders];
}

/** The folder of a file, and those of what it links to. */
function linkFolders(file: string): string[] {
	const folders = [dirname(file)];
	try {
		const target = readlinkSync(file);
		if (target.startsWith("/")) folders.push(dirname(target));
	} catch {
		// Not a link, or not there yet: its own folder tells of it.
	}
	return folders;
}
