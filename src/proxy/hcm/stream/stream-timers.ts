import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { HcmServices } from "../hcm-shared.ts";

/** What happens when time is up. */
export interface StreamTimersOwner {
	onStreamIdle(): void;
	onRequestTooSlow(): void;
	onStreamTooLong(): void;
}

/** The connection manager's time limits for one stream. */
export class StreamTimers implements TimerOwner {
	readonly #owner: StreamTimersOwner;
	readonly #services: Pick<HcmServices, "clock" | "deadlines">;
	#idle: Timer | undefined = undefined;
	#request: Timer | undefined = undefined;
	#duration: Timer | undefined = undefined;
	readonly #startMs: number;
	#idleMs = 0;
	#lastActivityMs: number;

	constructor(owner: StreamTimersOwner, services: Pick<HcmServices, "clock" | "deadlines">, nowMs: number) {
		this.#owner = owner;
		this.#services = services;
		this.#lastActivityMs = nowMs;
		this.#startMs = nowMs;
	}

	/** Sets the longest quiet; 0: any. */
	limitIdle(idleMs: number): void {
		this.#idleMs = idleMs;
		if (idleMs <= 0) this.#idle?.cancel();
		else {
			this.#idle ??= new Timer(this);
			this.#services.deadlines.arm(this.#idle, idleMs, this.#lastActivityMs);
		}
	}

	/** The time until the request has come whole. */
	limitRequest(requestMs: number): void {
		if (requestMs <= 0) return;
		this.#request = new Timer(this);
		this.#services.deadlines.arm(this.#request, requestMs);
	}

	/** The longest life of the stream, from its start; 0: any. */
	limitDuration(durationMs: number): void {
		if (durationMs <= 0) return;
		this.#duration ??= new Timer(this);
		this.#services.deadlines.arm(this.#duration, durationMs, this.#startMs);
	}

	requestCame(): void {
		this.#request?.cancel();
	}

	/** The timer is not armed anew for each piece: when it rings it looks how long the quiet has lasted. */
	touch(): void {
		if (this.#idleMs > 0) this.#lastActivityMs = this.#services.clock.nowMs();
	}

	cancel(): void {
		this.#idle?.cancel();
		this.#request?.cancel();
		this.#duration?.cancel();
	}

	onTimer(timer: Timer): void {
		if (timer === this.#request) {
			this.#owner.onRequestTooSlow();
			return;
		}
		if (timer === this.#duration) {
			this.#owner.onStreamTooLong();
			return;
		}
		const leftMs = this.#idleMs - (this.#services.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) this.#services.deadlines.arm(timer, Math.ceil(leftMs));
		else this.#owner.onStreamIdle();
	}
}
