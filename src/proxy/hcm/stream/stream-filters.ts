import { CHUNKED, TUNNEL } from "../../codec/message-parser.ts";
import type { FilterStream, HttpFilter, HttpFilterConfig } from "../../filter/http-filter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import type { RestartedRequest } from "../connection/exchange.ts";

/** The filters of one stream by their places; empty: it has nothing to do (yet). */
export type StreamFilters = (HttpFilter | undefined)[];

/** The filters that every stream has; the others come when the request's head does. */
export function createFilters(configs: readonly HttpFilterConfig[]): StreamFilters {
	const filters: StreamFilters = [];
	for (const config of configs) filters.push(config.wants ? undefined : config.create());
	return filters;
}

/** False: no filter of the chain has anything to do on this stream. */
export function anyWants(configs: readonly HttpFilterConfig[], stream: FilterStream): boolean {
	for (const config of configs) if (!config.wants || config.wants(stream)) return true;
	return false;
}

/** The length of a request that begins anew. */
export function lengthOfRestarted({ headers }: RequestHead, { body }: RestartedRequest): number {
	return body.length === 0 ? 0 : lengthAfterFilters(headers, CHUNKED);
}

/** A filter that changes a body's length says so by `content-length`. */
export function lengthAfterFilters(headers: HeaderMap, told: number): number {
	if (told === 0 || told === TUNNEL) return told;
	const text = headers.get("content-length");
	return text === undefined ? CHUNKED : Number(text);
}
