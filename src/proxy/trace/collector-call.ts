import type { Counter } from "../../telemetry/metrics.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { SideCalls, SideOutcome } from "../http/side-calls.ts";

/** Where batches of spans go. */
export interface Collector {
	readonly cluster: string;
	readonly authority: string;
	readonly path: string;
	readonly timeoutMs: number;
	/** Name and value, besides the content type. */
	readonly headers: readonly (readonly [string, string])[];
}

/** Counts what became of batches; a collector that is slow or gone costs spans, never requests. */
export interface ReportStats {
	readonly sent: Counter;
	readonly dropped: Counter;
	readonly failed: Counter;
	readonly noCluster: Counter;
}

/** Batches on their way at the same time; further ones are dropped, so that a collector that hangs holds no memory. */
const MAX_UNDER_WAY = 16;
const MAX_ANSWER_BYTES = 64 * 1024;

const GRPC = "application/grpc";
const GRPC_FIELDS = [["te", "trailers"]] as const;

/** Posts batches to one collector. */
export class CollectorCalls {
	readonly #calls: SideCalls;
	readonly #collector: Collector;
	readonly #stats: ReportStats | undefined;
	#underWay = 0;

	constructor(calls: SideCalls, collector: Collector, stats: ReportStats | undefined) {
		this.#calls = calls;
		this.#collector = collector;
		this.#stats = stats;
	}

	post(body: Uint8Array, contentType: string, isGood: (status: number) => boolean): void {
		if (this.#underWay >= MAX_UNDER_WAY) {
			this.#stats?.dropped.inc();
			return;
		}
		const { headers: more, ...target } = this.#collector;
		const headers = HeaderMap.of(...(contentType === GRPC ? GRPC_FIELDS : []), ["content-type", contentType]);
		for (const [name, value] of more) headers.set(name, value);
		this.#underWay++;
		this.#calls.call({ ...target, method: "POST", headers, body, maxBodyBytes: MAX_ANSWER_BYTES }, (outcome) => {
			this.#underWay--;
			this.#count(outcome, isGood);
		});
	}

	#count(outcome: SideOutcome, isGood: (status: number) => boolean): void {
		const { kind } = outcome;
		if (kind === "answer") (isGood(outcome.status) ? this.#stats?.sent : this.#stats?.dropped)?.inc();
		else (outcome.reason === "no-cluster" ? this.#stats?.noCluster : this.#stats?.failed)?.inc();
	}
}
