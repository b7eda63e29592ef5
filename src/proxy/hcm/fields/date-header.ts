import type { Clock } from "../../../lib/clock.ts";

/** The `date` field's value, made anew once a second. */
export class DateHeader {
	readonly #clock: Clock;
	#second = -1;
	#text = "";

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	text(): string {
		const epochMs = this.#clock.epochMs();
		const second = Math.floor(epochMs / 1000);
		if (second !== this.#second) {
			this.#second = second;
			this.#text = new Date(epochMs).toUTCString();
		}
		return this.#text;
	}
}
