import type { Socket } from "node:net";
import { type Deadlines, Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { Inspected, InspectedConnection, ListenerFilter, ListenerFilterConfig } from "./listener-filter.ts";

/** How the inspection of a connection ended. */
export type InspectionEnd = "passed" | "closed-by-filter" | "closed-by-client" | "timeout";

export interface InspectionSettings {
	readonly deadlines: Deadlines;
	/** 0 = none. */
	readonly timeoutMs: number;
}

/**
 * Runs listener filters over a connection, one after the other. What they read is put back into the socket before the end is told, so
 * that whoever takes it reads from the first byte that no filter drained.
 */
export class Inspection implements InspectedConnection, TimerOwner {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	offeredProtocols: readonly string[] = [];
	transportKnown = false;
	destinationRestored = false;
	transportFailure = "";
	/** For the listener. */
	rosterPlace = -1;
	readonly #filters: readonly ListenerFilterConfig[];
	readonly #settings: InspectionSettings;
	readonly #onEnd: (end: InspectionEnd) => void;
	readonly #timer = new Timer(this);
	#bytes: Buffer = Buffer.alloc(0);
	#at = 0;
	#current: ListenerFilter | undefined = undefined;
	#reading = false;
	#ended = false;

	constructor(
		accepted: { readonly socket: Socket; readonly connection: ConnectionInfo },
		filters: readonly ListenerFilterConfig[],
		settings: InspectionSettings,
		onEnd: (end: InspectionEnd) => void,
	) {
		this.socket = accepted.socket;
		this.connection = accepted.connection;
		this.#filters = filters;
		this.#settings = settings;
		this.#onEnd = onEnd;
	}

	start(): void {
		const { deadlines, timeoutMs } = this.#settings;
		if (timeoutMs > 0) deadlines.arm(this.#timer, timeoutMs);
		this.#next();
	}

	/** Bytes that were taken off the front for good. */
	drained = 0;

	/** Something was read that nobody took. */
	get hasUnread(): boolean {
		return this.#bytes.length > 0;
	}

	drain(bytes: number): void {
		this.#bytes = this.#bytes.subarray(bytes);
		this.drained += bytes;
	}

	onTimer(): void {
		this.#finish("timeout");
	}

	/** Gives up: the listener goes. */
	cancel(): void {
		if (!this.#ended) this.#finish("closed-by-filter");
	}

	/** Starts the next filter that does not pass this connection by; the end when there is none. */
	#next(): void {
		while (this.#at < this.#filters.length) {
			const config = this.#filters[this.#at++]!;
			if (config.disabled?.(this.connection)) continue;
			this.#current = config.create();
			let verdict = this.#current.onAccept(this);
			if (verdict === "more" && this.#bytes.length > 0) verdict = this.#current.onData!(this, this.#bytes);
			if (verdict === "close") {
				this.#finish("closed-by-filter");
				return;
			}
			if (verdict === "more") {
				this.#read();
				return;
			}
		}
		this.#finish("passed");
	}

	#read(): void {
		if (this.#reading) return;
		this.#reading = true;
		const { socket } = this;
		socket.on("readable", this.#onReadable);
		socket.on("end", this.#onGone);
		socket.on("error", this.#onGone);
		socket.on("close", this.#onGone);
	}

	readonly #onReadable = (): void => {
		const chunk = this.socket.read() as Buffer | null;
		if (chunk === null || this.#ended) return;
		this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
		const verdict: Inspected = this.#current!.onData!(this, this.#bytes);
		if (verdict === "close") this.#finish("closed-by-filter");
		else if (verdict === "done") this.#next();
	};

	readonly #onGone = (): void => this.#finish("closed-by-client");

	#finish(end: InspectionEnd): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#timer.cancel();
		if (this.#reading) {
			const { socket } = this;
			socket.off("readable", this.#onReadable);
			socket.off("end", this.#onGone);
			socket.off("error", this.#onGone);
			socket.off("close", this.#onGone);
			if (this.#bytes.length > 0 && !socket.readableEnded && !socket.destroyed) socket.unshift(this.#bytes);
		}
		this.#onEnd(end);
	}
}
