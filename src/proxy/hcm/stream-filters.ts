import { CHUNKED, TUNNEL } from "../codec/message-parser.ts";
import type { HttpFilter, HttpFilterConfig } from "../filter/http-filter.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { RequestHead } from "../http/message.ts";
import type { RestartedRequest } from "./exchange.ts";

/** The filters of one stream. */
export function createFilters(configs: readonly HttpFilterConfig[]): readonly HttpFilter[] {
	const filters: HttpFilter[] = [];
	for (const config of configs) filters.push(config.create());
	return filters;
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
