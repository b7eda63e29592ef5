import { setTimeout as pause } from "node:timers/promises";
import type { WebSocket } from "ws";
import { asBuffer, CHANNEL } from "./stream-channels.ts";

/** Of the client's terminal, in characters. */
export interface WindowSize {
	readonly rows: number;
	readonly columns: number;
}

/** Clients tell their window's size at once or never. */
const SIZE_WAIT_MS = 300;
/** kubectl 1.32 reads messages before it knows their channels, and drops those ("Unknown stream id 1"). */
const SETUP_MS = 50;
/** What a client sends before it is read is kept up to here. */
const MAX_WAITING = 64;

/** The client's messages, kept until somebody reads them. */
export class Inbox {
	readonly #waiting: Buffer[] = [];
	#read: ((message: Buffer) => void) | undefined;
	#onSize: ((size: WindowSize | undefined) => void) | undefined;

	constructor(socket: WebSocket) {
		socket.on("message", (data) => this.#take(asBuffer(data)));
		socket.once("close", () => this.#onSize?.(undefined));
	}

	/** The window's size, undefined when the client does not tell it. */
	async windowSize(): Promise<WindowSize | undefined> {
		let timer: NodeJS.Timeout | undefined;
		const size = await new Promise<WindowSize | undefined>((resolve) => {
			timer = setTimeout(() => resolve(undefined), SIZE_WAIT_MS);
			this.#onSize = resolve;
			for (const message of this.#waiting) this.#look(message);
		});
		clearTimeout(timer);
		this.#onSize = undefined;
		return size;
	}

	/** Gives a client time to set up its side of the streams; a client that has said something is ready. */
	async clientReady(): Promise<void> {
		if (this.#waiting.length === 0) await pause(SETUP_MS);
	}

	/** Hands over what waits and everything that comes. */
	open(read: (message: Buffer) => void): void {
		this.#read = read;
		for (const message of this.#waiting.splice(0)) read(message);
	}

	#take(message: Buffer): void {
		this.#look(message);
		if (this.#read) this.#read(message);
		else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message);
	}

	#look(message: Buffer): void {
		if (message[0] === CHANNEL.resize) this.#onSize?.(parseSize(message.subarray(1).toString("utf8")));
	}
}

/** `{"Width":80,"Height":24}`; undefined for anything else. */
function parseSize(text: string): WindowSize | undefined {
	const numbers = /^\{"Width":(\d{1,5}),"Height":(\d{1,5})\}\s*$/.exec(text);
	return numbers ? { columns: Number(numbers[1]), rows: Number(numbers[2]) } : undefined;
}
