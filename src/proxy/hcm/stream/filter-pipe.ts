import type { DataOutcome, EndOutcome, HeadOutcome, HttpFilter } from "../../filter/http-filter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamFilters } from "./stream-filters.ts";

const OPEN = 0;
/** Nothing passes, the filter sees nothing, the source is paused. */
const STOPPED = 1;
/** Nothing passes, the filter sees what comes. */
const HOLDING = 2;

/** A place in the pipe whose filter looks at the body or holds something back. */
interface Station {
	state: typeof OPEN | typeof STOPPED | typeof HOLDING;
	/** The filter's data and end methods are called. */
	reads: boolean;
	held: Buffer[];
	heldBytes: number;
	/** The end waits here too. */
	ended: boolean;
	trailers: HeaderMap | undefined;
}

/**
 * One message on its way through the filters of one stream: head, body pieces, end. Filters that only look at heads cost a call each;
 * stations come into being where a filter reads the body or stops the message.
 */
export abstract class FilterPipe {
	/** What may be held at one place while more is read; 0: no limit. */
	limitBytes: number;
	readonly filters: StreamFilters;
	/** How far the head has come. */
	#headAt = 0;
	#stations: (Station | undefined)[] | undefined = undefined;

	constructor(filters: StreamFilters, limitBytes: number) {
		this.filters = filters;
		this.limitBytes = limitBytes;
	}

	/** The head has gone through the whole pipe. */
	get headPassed(): boolean {
		return this.#headAt > this.filters.length;
	}

	head(): void {
		this.#runHead(0);
	}

	/** `buf` is valid during the call only. */
	body(buf: Buffer, start: number, end: number): void {
		if (this.#stations === undefined) this.passBody(buf, start, end);
		else this.#flow(0, buf, start, end);
	}

	end(trailers: HeaderMap | undefined): void {
		if (this.#stations === undefined) this.passEnd(trailers);
		else this.#flowEnd(0, trailers);
	}

	/** Lets go what `filter` stops or holds. */
	resume(filter: HttpFilter): void {
		const at = this.#placeOf(filter);
		const station = this.#stations?.[at];
		if (!station || station.state === OPEN) return;
		const stopped = station.state === STOPPED;
		station.state = OPEN;
		// What a filter had stopped it has not seen yet.
		this.#release(at, station, stopped && station.reads ? at : at + 1);
		if (stopped) this.resumeSource();
		if (this.over || !station.ended) return;
		station.ended = false;
		this.#flowEnd(stopped && station.reads ? at : at + 1, station.trailers);
	}

	/** Puts bytes into the message behind `filter`. */
	inject(filter: HttpFilter, bytes: Uint8Array): void {
		const at = this.#placeOf(filter);
		const buf = asBuffer(bytes);
		if (this.#headAt === at) this.#keep(this.#stationAt(at), buf);
		else this.#flow(at + 1, buf, 0, buf.length);
	}

	/** What is held at `filter`, in one piece. */
	held(filter: HttpFilter): Buffer {
		const station = this.#stations?.[this.#placeOf(filter)];
		if (!station || station.held.length === 0) return NOTHING;
		if (station.held.length > 1) station.held = [Buffer.concat(station.held)];
		return station.held[0]!;
	}

	/** The filter in place `at` of this direction; undefined: it has nothing to do. */
	protected abstract filterAt(at: number): HttpFilter | undefined;
	/** No more calls: the stream was answered otherwise or is gone. */
	protected abstract readonly over: boolean;
	protected abstract readsBody(filter: HttpFilter): boolean;
	protected abstract callHead(filter: HttpFilter): HeadOutcome;
	protected abstract callData(filter: HttpFilter, data: Uint8Array): DataOutcome;
	protected abstract callEnd(filter: HttpFilter, trailers: HeaderMap | undefined): EndOutcome;
	protected abstract passHead(): void;
	protected abstract passBody(buf: Buffer, start: number, end: number): void;
	protected abstract passEnd(trailers: HeaderMap | undefined): void;
	protected abstract pauseSource(): void;
	protected abstract resumeSource(): void;
	/** A filter holds more than `limitBytes`. */
	protected abstract tooLarge(): void;

	/** The head has come to place `at`. */
	protected meet(at: number): HttpFilter | undefined {
		return this.filterAt(at);
	}

	#runHead(from: number): void {
		const { length } = this.filters;
		for (let at = from; at < length; at++) {
			this.#headAt = at;
			const outcome = this.#offerHead(at);
			if (this.over) return;
			if (outcome === "pass") continue;
			const reads = this.readsBody(this.filterAt(at)!);
			if (outcome === "continue") {
				if (reads) this.#stationAt(at).reads = true;
				continue;
			}
			const station = this.#stationAt(at);
			station.reads = reads;
			station.state = outcome === "stop" ? STOPPED : HOLDING;
			if (outcome === "stop") this.pauseSource();
			return;
		}
		this.#headAt = length + 1;
		this.passHead();
	}

	#offerHead(at: number): HeadOutcome {
		const filter = this.meet(at);
		return filter === undefined ? "pass" : this.callHead(filter);
	}

	#flow(from: number, buf: Buffer, start: number, end: number): void {
		const at = this.#nextStation(from);
		if (at < 0) {
			this.passBody(buf, start, end);
			return;
		}
		const station = this.#stations![at]!;
		const piece = start === 0 && end === buf.length ? buf : buf.subarray(start, end);
		const outcome = this.#offer(at, station, piece);
		if (this.over || outcome === "taken") return;
		if (outcome === "hold") {
			this.#keep(station, piece);
			return;
		}
		this.#open(at, station);
		if (this.over) return;
		const next = outcome === "continue" ? piece : asBuffer(outcome);
		if (next.length > 0) this.#flow(at + 1, next, 0, next.length);
	}

	#flowEnd(from: number, trailers: HeaderMap | undefined): void {
		const at = this.#nextStation(from);
		if (at < 0) {
			this.passEnd(trailers);
			return;
		}
		const station = this.#stations![at]!;
		const outcome = this.#offerEnd(at, station, trailers);
		if (this.over) return;
		if (outcome === "hold") {
			station.ended = true;
			station.trailers = trailers;
			return;
		}
		this.#open(at, station);
		const last = outcome === "continue" ? undefined : outcome.append;
		if (last !== undefined && last.length > 0 && !this.over) this.#flow(at + 1, asBuffer(last), 0, last.length);
		if (!this.over) this.#flowEnd(at + 1, outcome === "continue" ? trailers : outcome.trailers);
	}

	/** The first place from `from` on that looks at the body or keeps it back; -1: none. */
	#nextStation(from: number): number {
		const stations = this.#stations;
		if (stations === undefined) return -1;
		for (let at = from; at < stations.length; at++) {
			const station = stations[at];
			if (station && (station.reads || station.state !== OPEN)) return at;
		}
		return -1;
	}

	/** The filter lets go: what it has held goes first. */
	#open(at: number, station: Station): void {
		if (station.state !== HOLDING) return;
		station.state = OPEN;
		this.#release(at, station, at + 1);
	}

	#offer(at: number, station: Station, piece: Buffer): DataOutcome {
		if (station.state === STOPPED || !station.reads) return "hold";
		const outcome = this.callData(this.filterAt(at)!, piece);
		if (outcome === "hold" && station.state === OPEN) station.state = HOLDING;
		return outcome;
	}

	#offerEnd(at: number, station: Station, trailers: HeaderMap | undefined): EndOutcome {
		if (station.state === STOPPED || !station.reads) return "hold";
		const outcome = this.callEnd(this.filterAt(at)!, trailers);
		if (outcome === "hold") station.state = HOLDING;
		return outcome;
	}

	/** The head, when it waits at this place, and what is held there go on; the pieces from place `from`. */
	#release(at: number, station: Station, from: number): void {
		if (this.#headAt === at) this.#runHead(at + 1);
		const pieces = station.held;
		station.held = [];
		station.heldBytes = 0;
		for (const piece of pieces) {
			if (this.over) return;
			this.#flow(from, piece, 0, piece.length);
		}
	}

	#keep(station: Station, piece: Buffer): void {
		station.held.push(Buffer.copyBytesFrom(piece));
		station.heldBytes += piece.length;
		if (station.state === HOLDING && this.limitBytes > 0 && station.heldBytes > this.limitBytes) this.tooLarge();
	}

	#stationAt(at: number): Station {
		this.#stations ??= [];
		this.#stations[at] ??= { state: OPEN, reads: false, held: [], heldBytes: 0, ended: false, trailers: undefined };
		return this.#stations[at];
	}

	#placeOf(filter: HttpFilter): number {
		const i = this.filters.indexOf(filter);
		return this.filterAt(i) === filter ? i : this.filters.length - 1 - i;
	}
}

const NOTHING = Buffer.alloc(0);

function asBuffer(bytes: Uint8Array): Buffer {
	return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
