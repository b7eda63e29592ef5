import { HeaderMap } from "../http/header-map.ts";
import type { SideCall, SideCalls, SideOutcome, SideRequest } from "../http/side-calls.ts";

/** For tests: side calls that wait until the test answers them. */
export class FakeSideCalls implements SideCalls {
	readonly requests: SideRequest[] = [];
	cancelled = 0;
	readonly #open: ((outcome: SideOutcome) => void)[] = [];

	call(request: SideRequest, done: (outcome: SideOutcome) => void): SideCall {
		this.requests.push(request);
		this.#open.push(done);
		return {
			cancel: () => {
				const at = this.#open.indexOf(done);
				if (at < 0) return;
				this.#open.splice(at, 1);
				this.cancelled++;
			},
		};
	}

	/** Ends the oldest call that is open. */
	answer(outcome: SideOutcome): void {
		const done = this.#open.shift();
		if (!done) throw new Error("no side call is open");
		done(outcome);
	}

	/** Ends the oldest open call with an answer. */
	answerText(status: number, text: string, headers = new HeaderMap()): void {
		this.answer({ kind: "answer", status, headers, body: new TextEncoder().encode(text), trailers: undefined });
	}
}
