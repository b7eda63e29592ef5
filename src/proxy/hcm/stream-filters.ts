import { CHUNKED, TUNNEL } from "../codec/message-parser.ts";
import type { HttpFilter, HttpFilterConfig } from "../filter/http-filter.ts";
import type { HeaderMap } from "../http/header-map.ts";

/** The filters of one stream. */
export function createFilters(configs: readonly HttpFilterConfig[]): readonly HttpFilter[] {
	const filters: HttpFilter[] = [];
	for (const config of configs) filters.push(config.create());
	return filters;
}

/** A filter that changes a body's length says so by `content-length`. */
export function lengthAfterFilters(headers: HeaderMap, told: number): number {
	if (told === 0 || told === TUNNEL) return told;
	const text = headers.get("content-length");
	return text === undefined ? CHUNKED : Number(text);
}
