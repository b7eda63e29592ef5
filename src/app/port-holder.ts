import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Who listens on a TCP port of this machine: `node (process 4711)`; undefined where the system does not tell (no /proc, another user's process). */
export function portHolder(port: number): string | undefined {
	const inodes = listeningInodes(port);
	if (inodes.size === 0) return undefined;
	for (const pid of listDirectory("/proc").filter((name) => /^\d+$/.test(name))) {
		for (const fd of listDirectory(`/proc/${pid}/fd`)) {
			const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
			if (inode && inodes.has(inode)) return `${readText(`/proc/${pid}/comm`).trim()} (process ${pid})`;
		}
	}
	return undefined;
}

function listeningInodes(port: number): Set<string> {
	const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
	const found = new Set<string>();
	for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
		for (const line of readText(file).split("\n").slice(1)) {
			const fields = line.trim().split(/\s+/);
			// local address:port, state 0A = LISTEN, inode
			if (fields[1]?.endsWith(`:${hexPort}`) && fields[3] === "0A") found.add(fields[9]!);
		}
	}
	return found;
}

/** Processes come and go while we look, and others' files are closed to us: what cannot be read is not there. */
function tolerate<T>(read: () => T, otherwise: T): T {
	try {
		return read();
	} catch {
		return otherwise;
	}
}

const listDirectory = (path: string) => tolerate(() => readdirSync(path), [] as string[]);
const readLink = (path: string) => tolerate(() => readlinkSync(path), "");
const readText = (path: string) => tolerate(() => readFileSync(path, "utf8"), "");
