import { type Clock, systemClock } from "../../src/lib/clock.ts";

/** The system's clock, but a timer that is left over does not keep the test process alive. */
export const unrefClock: Clock = {
	nowMs: () => systemClock.nowMs(),
	epochMs: () => systemClock.epochMs(),
	after(delayMs, task) {
		const timer = setTimeout(task, delayMs).unref();
		return () => clearTimeout(timer);
	},
};
