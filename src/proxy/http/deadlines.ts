import type { Clock } from "../../lib/clock.ts";

/** What a `Timer` calls; `timer` tells an owner of several timers which one. */
export interface TimerOwner {
	onTimer(timer: Timer): void;
}

/** A timer that its owner arms again and again; arming and cancelling allocate nothing. */
export class Timer {
	readonly owner: TimerOwner;
	list: DeadlineList | undefined = undefined;
	dueMs = 0;
	prev: Timer | undefined = undefined;
	next: Timer | undefined = undefined;

	constructor(owner: TimerOwner) {
		this.owner = owner;
	}

	get armed(): boolean {
		return this.list !== undefined;
	}

	cancel(): void {
		this.list?.unlink(this);
	}
}

/**
 * The timeouts of the request path. A proxy has few distinct delays, so each delay has one list in order of expiry and at most one
 * wake-up of the clock: a request that ends in time costs two pointer changes per timeout.
 */
export class Deadlines {
	readonly #clock: Clock;
	readonly #lists = new Map<number, DeadlineList>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Arms (again); `nowMs` is the clock's time if the caller has it at hand. */
	arm(timer: Timer, delayMs: number, nowMs: number = this.#clock.nowMs()): void {
		timer.cancel();
		let list = this.#lists.get(delayMs);
		if (!list) {
			list = new DeadlineList(this.#clock, delayMs, () => this.#lists.delete(delayMs));
			this.#lists.set(delayMs, list);
		}
		list.append(timer, nowMs + delayMs);
	}

	/** Forgets all timers, so that nothing keeps the process alive. */
	close(): void {
		for (const list of this.#lists.values()) list.sleep();
		this.#lists.clear();
	}
}

/** Timers with the same delay, the first to expire at the head. */
class DeadlineList {
	readonly #clock: Clock;
	readonly #delayMs: number;
	readonly #onUnused: () => void;
	#head: Timer | undefined;
	#tail: Timer | undefined;
	/** Cancels the wake-up; undefined when there is none. */
	#cancelWake: (() => void) | undefined;

	constructor(clock: Clock, delayMs: number, onUnused: () => void) {
		this.#clock = clock;
		this.#delayMs = delayMs;
		this.#onUnused = onUnused;
	}

	append(timer: Timer, dueMs: number): void {
		timer.list = this;
		timer.dueMs = dueMs;
		timer.prev = this.#tail;
		timer.next = undefined;
		if (this.#tail) this.#tail.next = timer;
		else this.#head = timer;
		this.#tail = timer;
		if (!this.#cancelWake) this.#wakeAfter(this.#delayMs);
	}

	sleep(): void {
		this.#cancelWake?.();
	}

	unlink(timer: Timer): void {
		if (timer.prev) timer.prev.next = timer.next;
		else this.#head = timer.next;
		if (timer.next) timer.next.prev = timer.prev;
		else this.#tail = timer.prev;
		timer.list = undefined;
		timer.prev = undefined;
		timer.next = undefined;
	}

	#wakeAfter(delayMs: number): void {
		this.#cancelWake = this.#clock.after(delayMs, () => this.#expire());
	}

	/** The wake-up is not cancelled when its timer is: it comes once, finds the new head and sleeps until that one is due. */
	#expire(): void {
		const now = this.#clock.nowMs();
		for (let timer = this.#head; timer && timer.dueMs <= now; timer = this.#head) {
			this.unlink(timer);
			timer.owner.onTimer(timer);
		}
		this.#cancelWake = undefined;
		if (this.#head) this.#wakeAfter(Math.max(1, this.#head.dueMs - now));
		else this.#onUnused();
	}
}
