import type { Http2Options } from "../../http/http2/http2-options.ts";
import type { Http2Stats } from "../../http/http2/http2-stats.ts";
import { FRAME } from "../frame/frame.ts";
import type { Http2Output } from "./http2-output.ts";

/** Envoy's limits for frames that cost us and not the peer; counts are per connection. Each method says what is wrong, or "". */
export class FloodGuard {
	readonly #options: Http2Options;
	readonly #output: Http2Output;
	readonly #stats: Http2Stats;
	#emptyFrames = 0;
	#priorityFrames = 0;
	#windowUpdates = 0;
	#streams = 0;
	#dataFrames = 0;
	/** Sent since the output was last empty. */
	#outbound = 0;
	#outboundControl = 0;

	constructor(options: Http2Options, output: Http2Output, stats: Http2Stats) {
		this.#options = options;
		this.#output = output;
		this.#stats = stats;
	}

	streamOpened(): void {
		this.#streams++;
	}

	dataSent(): void {
		this.#dataFrames++;
	}

	/** A HEADERS, CONTINUATION or DATA frame has come; `useless`: without payload and without END_STREAM. */
	onPayload(useless: boolean): string {
		this.#emptyFrames = useless ? this.#emptyFrames + 1 : 0;
		if (this.#emptyFrames <= this.#options.maxConsecutiveEmptyFrames) return "";
		this.#stats.inboundEmptyFramesFlood.inc();
		return "too many consecutive frames with an empty payload";
	}

	onPriority(): string {
		this.#priorityFrames++;
		if (this.#priorityFrames <= this.#options.maxPriorityFramesPerStream * (1 + this.#streams)) return "";
		this.#stats.inboundPriorityFramesFlood.inc();
		return "too many PRIORITY frames";
	}

	onWindowUpdate(): string {
		this.#windowUpdates++;
		const perData = this.#options.maxWindowUpdatesPerDataFrame;
		if (this.#windowUpdates <= 5 + 2 * (this.#streams + perData * this.#dataFrames)) return "";
		this.#stats.inboundWindowUpdateFramesFlood.inc();
		return "too many WINDOW_UPDATE frames";
	}

	/** A frame is about to be sent. Those that answer the peer count while anything waits; the others while the peer does not read. */
	onSend(type: number): string {
		const control = type === FRAME.ping || type === FRAME.settings || type === FRAME.rstStream;
		if (this.#output.backlogBytes === 0) {
			this.#outbound = 0;
			this.#outboundControl = 0;
		}
		if (control && ++this.#outboundControl > this.#options.maxOutboundControlFrames) {
			this.#stats.outboundControlFlood.inc();
			return "too many control frames in the outbound queue";
		}
		if (this.#output.congested && ++this.#outbound > this.#options.maxOutboundFrames) {
			this.#stats.outboundFlood.inc();
			return "too many frames in the outbound queue";
		}
		return "";
	}
}
