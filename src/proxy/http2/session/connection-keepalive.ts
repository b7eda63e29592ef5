import type { Clock } from "../../../lib/clock.ts";
import { type Deadlines, Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { KeepaliveOptions } from "../../http/http2/http2-options.ts";

const PAYLOAD = "lateen h";
/** Jitter in steps, so that few distinct delays are waited for. */
const JITTER_STEPS = 16;

let connections = 0;

/** What a keepalive does to its connection. */
export interface KeepaliveOwner {
	ping(payload: string): void;
	/** The peer has not answered in time. */
	onKeepaliveTimeout(): void;
}

/** Asks the peer by PING whether it is still there (Envoy: `connection_keepalive`). */
export class ConnectionKeepalive implements TimerOwner {
	readonly #options: KeepaliveOptions;
	readonly #owner: KeepaliveOwner;
	readonly #time: { readonly clock: Clock; readonly deadlines: Deadlines };
	/** Until the next PING; while one is on its way, until it must have been answered. */
	readonly #timer = new Timer(this);
	/** Spreads the PINGs of connections that were opened together. */
	readonly #intervalMs: number;
	#waits = false;
	#lastActivityMs: number;

	constructor(
		options: KeepaliveOptions,
		owner: KeepaliveOwner,
		time: { readonly clock: Clock; readonly deadlines: Deadlines },
	) {
		this.#options = options;
		this.#owner = owner;
		this.#time = time;
		this.#lastActivityMs = time.clock.nowMs();
		const share = (connections++ % JITTER_STEPS) / JITTER_STEPS;
		this.#intervalMs = Math.ceil(options.intervalMs * (1 + (share * options.jitterPercent) / 100));
		this.#waitForNext();
	}

	/** Bytes have come from the peer. */
	onActivity(): void {
		if (this.#options.idleIntervalMs > 0) this.#lastActivityMs = this.#time.clock.nowMs();
	}

	/** A stream is about to be opened: a connection that was quiet for long is asked first. */
	onNewStream(): void {
		const { idleIntervalMs } = this.#options;
		if (idleIntervalMs <= 0 || this.#waits) return;
		if (this.#time.clock.nowMs() - this.#lastActivityMs >= idleIntervalMs) this.#ask();
	}

	onPingAck(): void {
		this.#waits = false;
		this.#timer.cancel();
		this.#waitForNext();
	}

	onTimer(): void {
		if (this.#waits) this.#owner.onKeepaliveTimeout();
		else this.#ask();
	}

	stop(): void {
		this.#timer.cancel();
	}

	#ask(): void {
		this.#waits = true;
		this.#owner.ping(PAYLOAD);
		this.#time.deadlines.arm(this.#timer, this.#options.timeoutMs);
	}

	#waitForNext(): void {
		if (this.#intervalMs > 0) this.#time.deadlines.arm(this.#timer, this.#intervalMs);
	}
}
