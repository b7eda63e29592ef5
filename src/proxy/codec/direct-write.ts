import { writeSync } from "node:fs";
import type { Socket } from "node:net";

/** The descriptor of a plain socket; undefined where bytes do not go out as they are (TLS) or the platform has none. */
export function descriptorOf(socket: Socket): number | undefined {
	if ("encrypted" in socket || process.platform === "win32") return undefined;
	const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
	const fd = handle?.fd;
	return fd !== undefined && fd >= 0 ? fd : undefined;
}

/**
 * Writes bytes to a socket that has nothing queued, without a copy and without waiting. Returns how many the system took: less than all
 * when it takes no more now, or when the connection is broken (the next write of the socket itself tells how).
 */
export function writeDirectly(fd: number, buf: Buffer, start: number, end: number): number {
	try {
		return writeSync(fd, buf, start, end - start, null);
	} catch {
		// EAGAIN: the peer takes no more now. Anything else comes back from the socket's own write.
		return 0;
	}
}

/** As much as one read brings. */
const PIECE_BYTES = 256 * 1024;
/** Free pieces kept for the next slow peer. */
const MAX_FREE = 16;
const free: Buffer[] = [];

/** A copy of bytes for as long as a write takes; `done` gives its memory back. */
export interface LoanedCopy {
	readonly bytes: Buffer;
	readonly done: () => void;
}

/** Copies what one read brought into memory that is used again; longer pieces get their own. */
export function loanCopy(buf: Buffer, start: number, end: number): LoanedCopy {
	const length = end - start;
	if (length > PIECE_BYTES) return { bytes: Buffer.copyBytesFrom(buf, start, length), done: () => {} };
	const piece = free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
	buf.copy(piece, 0, start, end);
	return {
		bytes: piece.subarray(0, length),
		done: () => {
			if (free.length < MAX_FREE) free.push(piece);
		},
	};
}
