import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/**
 * Who listens on a TCP port of this machine, by its program and process: `nginx (process 4711)`, `node server.js (process 4712)`; undefined
 * where the system does not tell (no /proc, another user's process).
 */
export function portHolder(port: number, host = "127.0.0.1"): string | undefined {
	const inodes = listeningInodes(port, host);
	if (inodes.size === 0) return undefined;
	for (const pid of listDirectory("/proc").filter((name) => /^\d+$/.test(name))) {
		for (const fd of listDirectory(`/proc/${pid}/fd`)) {
			const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
			if (inode && inodes.has(inode)) return `${programOf(pid)} (process ${pid})`;
		}
	}
	return undefined;
}

/** The executable's name (a thread's name says nothing), for an interpreter with the script that it runs. */
function programOf(pid: string): string {
	const [, ...words] = readText(`/proc/${pid}/cmdline`).split("\0");
	const executable = basename(readLink(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
	const name = executable || readText(`/proc/${pid}/comm`).trim();
	const script = words.find((word) => word !== "" && !word.startsWith("-"));
	return script !== undefined && /^(node|python|ruby|perl|bun|deno)/.test(name) ? `${name} ${script}` : name;
}

function listeningInodes(port: number, host: string): Set<string> {
	const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
	const addresses = new Set([hexAddress(host), "0".repeat(8), "0".repeat(32)]);
	const found = new Set<string>();
	for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
		for (const line of readText(file).split("\n").slice(1)) {
			const fields = line.trim().split(/\s+/);
			const [address = "", at] = fields[1]?.split(":") ?? [];
			// local address:port, state 0A = LISTEN, inode
			if (at === hexPort && addresses.has(address) && fields[3] === "0A") found.add(fields[9]!);
		}
	}
	return found;
}

/** As /proc/net/tcp writes it: four bytes in the machine's order, which is little-endian wherever Node runs. */
function hexAddress(ipv4: string): string {
	const bytes = ipv4.split(".").map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"));
	return bytes.reverse().join("");
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
