import type { Clock } from "../../lib/clock.ts";

/** Envoy: StreamRateLimiter, its fill interval by default. */
const TICK_MS = 50;
const BYTES_PER_KIB = 1024;

/** What a body is slowed down for: where it goes on, and who sends it. */
export interface SlowBodyOutlet {
	send(bytes: Uint8Array): void;
	/** More waits than may: the sender is to hold back, until `resume`. */
	pause(): void;
	resume(): void;
	/** All has gone, the end too. */
	done(): void;
}

export interface SlowBodySettings {
	readonly kibPerSecond: number;
	readonly tickMs?: number;
	/** Bytes that may wait before the sender is held back; 0: any. */
	readonly limitBytes: number;
}

/** Lets a body's bytes go at a rate: tokens come with time, a second's worth at most, one tick's worth at the start. */
export class SlowBody {
	readonly #clock: Clock;
	readonly #settings: SlowBodySettings;
	readonly #outlet: SlowBodyOutlet;
	readonly #bytesPerMs: number;
	readonly #tickMs: number;
	readonly #waiting: Uint8Array[] = [];
	#waitingBytes = 0;
	#tokens: number;
	#filledMs: number;
	#cancelTick: (() => void) | undefined = undefined;
	#paused = false;
	#ended = false;

	constructor(clock: Clock, settings: SlowBodySettings, outlet: SlowBodyOutlet) {
		this.#clock = clock;
		this.#settings = settings;
		this.#outlet = outlet;
		this.#bytesPerMs = (settings.kibPerSecond * BYTES_PER_KIB) / 1000;
		this.#tickMs = settings.tickMs ?? TICK_MS;
		this.#tokens = this.#bytesPerMs * this.#tickMs;
		this.#filledMs = clock.nowMs();
	}

	/** `data` is valid during the call only. */
	take(data: Uint8Array): void {
		this.#waiting.push(data.slice());
		this.#waitingBytes += data.length;
		const { limitBytes } = this.#settings;
		if (limitBytes > 0 && this.#waitingBytes > limitBytes && !this.#paused) {
			this.#paused = true;
			this.#outlet.pause();
		}
		if (!this.#cancelTick) this.#drain();
	}

	/** The body is whole; true: nothing of it waits, `done` will not be called. */
	end(): boolean {
		this.#ended = true;
		return this.#waitingBytes === 0;
	}

	stop(): void {
		this.#cancelTick?.();
		this.#cancelTick = undefined;
	}

	#drain(): void {
		this.#fill();
		while (this.#waitingBytes > 0 && this.#tokens >= 1) this.#outlet.send(this.#next());
		if (this.#paused && this.#waitingBytes <= this.#settings.limitBytes) {
			this.#paused = false;
			this.#outlet.resume();
		}
		if (this.#waitingBytes > 0) this.#cancelTick = this.#clock.after(this.#tickMs, () => this.#tick());
	}

	#tick(): void {
		this.#cancelTick = undefined;
		this.#drain();
		if (this.#ended && this.#waitingBytes === 0) this.#outlet.done();
	}

	#next(): Uint8Array {
		const first = this.#waiting[0]!;
		const count = Math.min(first.length, Math.floor(this.#tokens));
		if (count === first.length) this.#waiting.shift();
		else this.#waiting[0] = first.subarray(count);
		this.#tokens -= count;
		this.#waitingBytes -= count;
		return first.subarray(0, count);
	}

	#fill(): void {
		const nowMs = this.#clock.nowMs();
		const most = this.#bytesPerMs * 1000;
		this.#tokens = Math.min(most, this.#tokens + (nowMs - this.#filledMs) * this.#bytesPerMs);
		this.#filledMs = nowMs;
	}
}
