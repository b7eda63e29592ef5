import type {
	DataOutcome,
	EndOutcome,
	FilterStream,
	HeadOutcome,
	HttpFilter,
	HttpFilterConfig,
} from "../../filter/http-filter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { FilterPipe } from "./filter-pipe.ts";
import { createFilters } from "./stream-filters.ts";

/** The stream whose request goes through the filters. */
export interface RequestPipeHost extends FilterStream {
	/** The request was answered without going further, or is gone. */
	readonly requestOver: boolean;
	readonly requestHeadOnly: boolean;
	dispatch(): void;
	forwardBody(buf: Buffer, start: number, end: number): void;
	forwardEnd(trailers: HeaderMap | undefined): void;
	requestTooLarge(): void;
}

/** A request on its way through the filters, first to last, to what answers it. */
export class RequestPipe extends FilterPipe {
	readonly #host: RequestPipeHost;
	readonly #configs: readonly HttpFilterConfig[];

	constructor(host: RequestPipeHost, configs: readonly HttpFilterConfig[], limitBytes: number) {
		super(createFilters(configs), limitBytes);
		this.#host = host;
		this.#configs = configs;
	}

	protected override get over(): boolean {
		return this.#host.requestOver;
	}

	protected override filterAt(at: number): HttpFilter | undefined {
		return this.filters[at];
	}

	protected override meet(at: number): HttpFilter | undefined {
		const config = this.#configs[at]!;
		if (config.wants?.(this.#host)) this.filters[at] = config.create();
		return this.filters[at];
	}

	protected override readsBody(filter: HttpFilter): boolean {
		return (filter.decodeData !== undefined || filter.decodeEnd !== undefined) && !this.#host.requestHeadOnly;
	}

	protected override callHead(filter: HttpFilter): HeadOutcome {
		return filter.decodeHeaders ? filter.decodeHeaders(this.#host, this.#host.requestHeadOnly) : "continue";
	}

	protected override callData(filter: HttpFilter, data: Uint8Array): DataOutcome {
		return filter.decodeData ? filter.decodeData(this.#host, data) : "continue";
	}

	protected override callEnd(filter: HttpFilter, trailers: HeaderMap | undefined): EndOutcome {
		return filter.decodeEnd ? filter.decodeEnd(this.#host, trailers) : "continue";
	}

	protected override passHead(): void {
		this.#host.dispatch();
	}

	protected override passBody(buf: Buffer, start: number, end: number): void {
		this.#host.forwardBody(buf, start, end);
	}

	protected override passEnd(trailers: HeaderMap | undefined): void {
		this.#host.forwardEnd(trailers);
	}

	protected override pauseSource(): void {
		this.#host.pauseRequest();
	}

	protected override resumeSource(): void {
		this.#host.resumeRequest();
	}

	protected override tooLarge(): void {
		this.#host.requestTooLarge();
	}
}
