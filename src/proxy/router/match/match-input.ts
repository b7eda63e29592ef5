import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { RouteContext } from "../route-match.ts";
import { parseCookies } from "./cookies.ts";
import { type PathInput, pathOnly } from "./path/path-matcher.ts";
import { parseQuery, type QueryParameters } from "./query-matcher.ts";

/** One request as the conditions of routes see it; what costs something is made at first use and kept. */
export class MatchInput implements PathInput {
	readonly request: RequestHead;
	/** Without query and fragment. */
	readonly path: string;
	readonly isConnect: boolean;
	readonly #ctx: RouteContext;
	#lower: string | undefined;
	#query: QueryParameters | undefined;
	#cookies: ReadonlyMap<string, string> | undefined;
	#draw = -1;

	constructor(request: RequestHead, ctx: RouteContext, ignoresParameters = false) {
		this.request = request;
		const path = pathOnly(request.path);
		this.path = ignoresParameters ? withoutParameters(path) : path;
		this.isConnect = request.method === "CONNECT";
		this.#ctx = ctx;
	}

	get lowerPath(): string {
		this.#lower ??= this.path.toLowerCase();
		return this.#lower;
	}

	get query(): QueryParameters {
		this.#query ??= parseQuery(this.request.path);
		return this.#query;
	}

	get info(): StreamInfo {
		return this.#ctx.info;
	}

	get cookies(): ReadonlyMap<string, string> {
		this.#cookies ??= parseCookies(this.request.headers.getAll("cookie"));
		return this.#cookies;
	}

	/** One draw for all runtime fractions of the request, so that a request's way through the table is consistent. */
	get millionth(): number {
		if (this.#draw < 0) this.#draw = this.#ctx.random.below(1_000_000);
		return this.#draw;
	}
}

function withoutParameters(path: string): string {
	return path.includes(";") ? path.replace(/;[^/]*/g, "") : path;
}
