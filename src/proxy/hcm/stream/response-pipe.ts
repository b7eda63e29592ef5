import type { DataOutcome, EndOutcome, FilterStream, HeadOutcome, HttpFilter } from "../../filter/http-filter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { FilterPipe } from "./filter-pipe.ts";
import type { StreamFilters } from "./stream-filters.ts";

/** The stream whose response goes through the filters. */
export interface ResponsePipeHost extends FilterStream {
	/** The response has ended, whole or cut. */
	readonly responseOver: boolean;
	readonly responseHeadOnly: boolean;
	writeHead(): void;
	writeBody(buf: Buffer, start: number, end: number): void;
	writeEnd(trailers: HeaderMap | undefined): void;
	responseTooLarge(): void;
}

/** A response on its way through the filters, last to first, to the client. */
export class ResponsePipe extends FilterPipe {
	readonly #host: ResponsePipeHost;
	readonly #response: ResponseHead;

	constructor(host: ResponsePipeHost, response: ResponseHead, filters: StreamFilters, limitBytes: number) {
		super(filters, limitBytes);
		this.#host = host;
		this.#response = response;
	}

	protected override get over(): boolean {
		return this.#host.responseOver;
	}

	protected override filterAt(at: number): HttpFilter | undefined {
		return this.filters[this.filters.length - 1 - at];
	}

	protected override readsBody(filter: HttpFilter): boolean {
		return (filter.encodeData !== undefined || filter.encodeEnd !== undefined) && !this.#host.responseHeadOnly;
	}

	protected override callHead(filter: HttpFilter): HeadOutcome {
		if (!filter.encodeHeaders) return "continue";
		return filter.encodeHeaders(this.#host, this.#response, this.#host.responseHeadOnly);
	}

	protected override callData(filter: HttpFilter, data: Uint8Array): DataOutcome {
		return filter.encodeData ? filter.encodeData(this.#host, data) : "continue";
	}

	protected override callEnd(filter: HttpFilter, trailers: HeaderMap | undefined): EndOutcome {
		return filter.encodeEnd ? filter.encodeEnd(this.#host, trailers) : "continue";
	}

	protected override passHead(): void {
		this.#host.writeHead();
	}

	protected override passBody(buf: Buffer, start: number, end: number): void {
		this.#host.writeBody(buf, start, end);
	}

	protected override passEnd(trailers: HeaderMap | undefined): void {
		this.#host.writeEnd(trailers);
	}

	protected override pauseSource(): void {
		this.#host.pauseResponse();
	}

	protected override resumeSource(): void {
		this.#host.resumeResponse();
	}

	protected override tooLarge(): void {
		this.#host.responseTooLarge();
	}
}
