import type { Counter } from "../../../telemetry/metrics.ts";
import type { FilterStream, HttpFilter } from "../http-filter.ts";
import type { BodyCodec, BodyCodecs, CodecEvents, CodecSettings } from "./body-codec.ts";

/** The direction of a message through the filters. */
export type Direction = "request" | "response";

export interface CodedBodyOptions {
	readonly codecs: BodyCodecs;
	readonly settings: CodecSettings;
	readonly direction: Direction;
	/** Bytes that came, and bytes that go on. */
	readonly bytesIn: Counter;
	readonly bytesOut: Counter;
	/** More bytes out than so many times those that came are an attack; 0: however many. */
	readonly maxRatio: number;
}

/** So many bytes may wait for the codec before the sender is held back. */
const MAX_WAITING = 64 * 1024;

/** One body on its way through a codec; `filter` answers "taken" and "hold" while it is. */
export class CodedBody implements CodecEvents {
	totalIn = 0;
	totalOut = 0;
	readonly #stream: FilterStream;
	readonly #filter: HttpFilter;
	readonly #options: CodedBodyOptions;
	readonly #codec: BodyCodec;
	#waiting = 0;
	#paused = false;
	#over = false;
	#atEnd: (() => void) | undefined;

	constructor(stream: FilterStream, filter: HttpFilter, options: CodedBodyOptions) {
		this.#stream = stream;
		this.#filter = filter;
		this.#options = options;
		this.#codec = options.codecs.open(options.settings, this);
	}

	data(bytes: Uint8Array): "taken" {
		this.totalIn += bytes.length;
		this.#options.bytesIn.inc(bytes.length);
		this.#waiting += bytes.length;
		// The buffer is the reader's: it is used again after the call.
		this.#codec.write(new Uint8Array(bytes));
		if (this.#waiting > MAX_WAITING && !this.#paused) {
			this.#paused = true;
			if (this.#options.direction === "request") this.#stream.pauseRequest();
			else this.#stream.pauseResponse();
		}
		return "taken";
	}

	/** `atEnd` is called when all has gone through, before the end goes on. */
	end(atEnd?: () => void): "hold" {
		this.#atEnd = atEnd;
		this.#codec.end();
		return "hold";
	}

	close(): void {
		this.#over = true;
		this.#codec.close();
	}

	onBytes(bytes: Uint8Array): void {
		if (this.#over) return;
		this.totalOut += bytes.length;
		this.#options.bytesOut.inc(bytes.length);
		const { maxRatio, direction } = this.#options;
		if (maxRatio > 0 && this.totalOut > this.totalIn * maxRatio) {
			this.onError();
			return;
		}
		if (direction === "request") this.#stream.injectRequest(this.#filter, bytes);
		else this.#stream.injectResponse(this.#filter, bytes);
	}

	onDrained(): void {
		this.#waiting = 0;
		if (!this.#paused || this.#over) return;
		this.#paused = false;
		if (this.#options.direction === "request") this.#stream.resumeRequest();
		else this.#stream.resumeResponse();
	}

	onEnd(): void {
		if (this.#over) return;
		this.#over = true;
		this.#atEnd?.();
		if (this.#options.direction === "request") this.#stream.continueDecoding(this.#filter);
		else this.#stream.continueEncoding(this.#filter);
	}

	/** Nobody gets half of a body for a whole one: the request is refused, the response cut. */
	onError(): void {
		if (this.#over) return;
		this.close();
		const status = this.#options.direction === "request" ? 400 : 502;
		this.#stream.sendLocalReply({ status, body: "", details: "body_decompression_failed" });
	}
}
