import type { Socket } from "node:net";
import { systemClock } from "../../lib/clock.ts";
import { descriptorOf, loanCopy, writeDirectly } from "./direct-write.ts";
import { readIntoOwnBuffer } from "./own-buffer.ts";

/** What a transport tells its user. `buf` is valid during the call only. */
export interface TransportUser {
	onData(buf: Buffer, end: number): void;
	/** The peer has ended its side. */
	onEof(): void;
	/** What was queued has gone out after `congested` had become true. */
	onDrain(): void;
	/** Once; the transport is gone. */
	onClose(error: Error | undefined): void;
}

/** Body pieces up to this size travel as one-byte strings: they join the head in one write and need no buffer of their own. */
const AS_TEXT_BYTES = 16 * 1024;
/** Long bodies cost a few calls per read; where each connection has its own buffer, less must do. */
const READ_BYTES = process.platform === "win32" ? 64 * 1024 : 256 * 1024;

/**
 * One read buffer for all connections of a thread: what is read is parsed and copied on before the next read. On Windows reads are
 * pending on their buffer, so there each connection has its own.
 */
const sharedBuffer = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

const NOBODY: TransportUser = { onData() {}, onEof() {}, onDrain() {}, onClose() {} };
const ignore = () => {};

let depth = 0;
const dirty: (Transport | undefined)[] = [];
let dirtyCount = 0;

/** Runs `task`, then writes what it queued: one write per connection, however many parts were sent. */
export function batchWrites(task: () => void): void {
	enterBatch();
	try {
		task();
	} finally {
		leaveBatch();
	}
}

function enterBatch(): void {
	if (depth++ === 0) systemClock.hold();
}

function leaveBatch(): void {
	if (--depth > 0) return;
	// Setting an array's length is slow; places are used again instead.
	for (let i = 0; i < dirtyCount; i++) {
		dirty[i]!.flush();
		dirty[i] = undefined;
	}
	dirtyCount = 0;
	systemClock.release();
}

/** `onread` option for `net.connect` and `new net.Socket`: reads go into our buffer instead of a new one each. */
export function onreadOption(): {
	buffer: Buffer;
	callback: (bytes: number, buf: Uint8Array) => boolean;
	bind(t: Transport): void;
} {
	let transport: Transport | undefined;
	return {
		buffer: sharedBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES),
		callback: (bytes, buf) => {
			transport?.received(buf as Buffer, bytes);
			return true;
		},
		bind: (t) => {
			transport = t;
		},
	};
}

/** A socket as the request path uses it: reads without streams, writes in batches, tells of congestion. */
export class Transport {
	bytesRead = 0;
	bytesWritten = 0;
	/** Called before what is queued is written: to send what was held back until the turn's end. */
	beforeFlush: (() => void) | undefined = undefined;
	readonly socket: Socket;
	#user: TransportUser;
	readonly #limitBytes: number;
	#writes = 0;
	#markedBytes = 0;
	#pending = "";
	#queued = false;
	#congested = false;
	#ended = false;
	#closed = false;
	#error: Error | undefined = undefined;

	/** `limitBytes`: more than this waiting in the socket is congestion. With `readsByEvent` the socket was made without `onread`. */
	constructor(socket: Socket, user: TransportUser, limitBytes: number, readsByEvent: boolean) {
		this.socket = socket;
		this.#user = user;
		this.#limitBytes = limitBytes;
		if (readsByEvent) this.#takeReads(socket);
		socket.on("end", () => {
			enterBatch();
			try {
				this.#user.onEof();
			} finally {
				leaveBatch();
			}
		});
		socket.on("drain", () => this.#drained());
		socket.on("error", (error) => {
			this.#error = error;
		});
		socket.on("close", () => this.#closedBySocket());
	}

	get closed(): boolean {
		return this.#closed || this.socket.destroyed;
	}

	/** The peer takes less than it is sent: hold back. `onDrain` follows. */
	get congested(): boolean {
		return this.#congested;
	}

	/** Bytes that have not been handed to the system yet. */
	get backlogBytes(): number {
		return this.#pending.length + this.socket.writableLength;
	}

	/** All that was sent, whether it has been handed to the system or not. */
	get bytesQueued(): number {
		return this.bytesWritten + this.#pending.length;
	}

	/** Asks for a write at the end of the turn, for what `beforeFlush` adds. */
	wake(): void {
		if (!this.#queued) this.#queue();
	}

	/** From here on `user` is told what comes. */
	handOver(user: TransportUser): void {
		this.#user = user;
	}

	/** From here on `nothingWritten` counts. */
	markWrites(): void {
		this.#writes = 0;
		this.#markedBytes = this.bytesWritten;
	}

	/**
	 * The peer cannot have got a byte since the mark: nothing was written, or the system refused the only write. (A small write into the
	 * empty buffer of an idle connection is taken whole or not at all.)
	 */
	get nothingWritten(): boolean {
		if (this.#writes === 0) return true;
		const error = this.#error as NodeJS.ErrnoException | undefined;
		const refused = error?.syscall === "write" && (error.code === "EPIPE" || error.code === "ECONNRESET");
		return refused && this.#writes === 1 && this.bytesWritten - this.#markedBytes <= AS_TEXT_BYTES;
	}

	/** The error that ended the socket, if one did. */
	get error(): Error | undefined {
		return this.#error;
	}

	/** For the socket's reader. */
	received(buf: Buffer, bytes: number): void {
		if (this.#closed) return;
		this.bytesRead += bytes;
		enterBatch();
		try {
			this.#user.onData(buf, bytes);
		} finally {
			leaveBatch();
		}
	}

	/** Queues text whose characters are bytes. */
	send(text: string): void {
		this.#pending += text;
		if (!this.#queued) this.#queue();
	}

	/** Queues bytes of a buffer that is valid now only. */
	sendBytes(buf: Buffer, start: number, end: number): void {
		if (end - start <= AS_TEXT_BYTES) {
			this.send(buf.toString("latin1", start, end));
			return;
		}
		this.flush();
		if (this.#ended || this.closed) return;
		this.bytesWritten += end - start;
		this.#writes++;
		const at = start + this.#writeNow(buf, start, end);
		if (at === end) return;
		const { bytes, done } = loanCopy(buf, at, end);
		this.socket.write(bytes, done);
		this.#noteCongestion();
	}

	/** Hands the bytes themselves to the system if nothing waits before them; returns how many it took. */
	#writeNow(buf: Buffer, start: number, end: number): number {
		const { socket } = this;
		if (socket.writableLength > 0 || socket.connecting) return 0;
		const fd = descriptorOf(socket);
		return fd === undefined ? 0 : writeDirectly(fd, buf, start, end);
	}

	/** Writes what is queued. */
	flush(): void {
		if (this.beforeFlush !== undefined) {
			this.#queued = true;
			this.beforeFlush();
		}
		this.#queued = false;
		const text = this.#pending;
		if (text === "") return;
		this.#pending = "";
		if (this.#ended || this.closed) return;
		this.bytesWritten += text.length;
		this.#writes++;
		this.socket.write(text, "latin1");
		this.#noteCongestion();
	}

	/** Ends our side after what is queued. */
	end(): void {
		if (this.#ended) return;
		this.flush();
		this.#ended = true;
		this.socket.end();
	}

	/** Cuts the connection. What was queued is lost. */
	destroy(): void {
		this.#pending = "";
		this.socket.destroy();
	}

	/** Cuts the connection with a RST, so that the peer sees an answer that was cut short. */
	reset(): void {
		this.#pending = "";
		resetSocket(this.socket);
	}

	pauseReading(): void {
		this.socket.pause();
	}

	resumeReading(): void {
		if (!this.closed) this.socket.resume();
	}

	#takeReads(socket: Socket): void {
		const { buffer, callback, bind } = onreadOption();
		bind(this);
		// What inspectors put back, and all where Node has no other way.
		socket.on("data", (chunk) => this.received(chunk as Buffer, chunk.length));
		readIntoOwnBuffer(socket, buffer, callback);
	}

	#queue(): void {
		this.#queued = true;
		if (depth > 0) dirty[dirtyCount++] = this;
		else queueMicrotask(() => this.flush());
	}

	#noteCongestion(): void {
		if (!this.#congested && this.socket.writableLength > this.#limitBytes) this.#congested = true;
	}

	#drained(): void {
		if (!this.#congested) return;
		this.#congested = false;
		batchWrites(() => this.#user.onDrain());
	}

	#closedBySocket(): void {
		if (this.#closed) return;
		this.#closed = true;
		const user = this.#user;
		// Node keeps a closed socket until the next full collection: what hung on it is not to stay as long.
		this.#user = NOBODY;
		this.beforeFlush = undefined;
		this.socket.removeAllListeners().on("error", ignore);
		batchWrites(() => user.onClose(this.#error));
	}
}

/** Cuts a socket with a RST where that can be had: Node resets plain TCP only; one of TLS ends without its closing alert instead, a Unix socket just ends. */
export function resetSocket(socket: Socket): void {
	const isTcp = socket.remoteAddress !== undefined && !("encrypted" in socket);
	if (socket.connecting || !isTcp) socket.destroy();
	else socket.resetAndDestroy();
}
