import type { Random } from "../../../lib/random.ts";
import type { RequestHead } from "../../http/message.ts";
import { type PathInput, pathOnly } from "./path-matcher.ts";
import { parseQuery, type QueryParameters } from "./query-matcher.ts";

/** One request as the conditions of routes see it; what costs something is made at first use and kept. */
export class MatchInput implements PathInput {
	readonly request: RequestHead;
	/** Without query and fragment. */
	readonly path: string;
	readonly isConnect: boolean;
	readonly #random: Random;
	#lower: string | undefined;
	#query: QueryParameters | undefined;
	#draw = -1;

	constructor(request: RequestHead, random: Random) {
		this.request = request;
		this.path = pathOnly(request.path);
		this.isConnect = request.method === "CONNECT";
		this.#random = random;
	}

	get lowerPath(): string {
		this.#lower ??= this.path.toLowerCase();
		return this.#lower;
	}

	get query(): QueryParameters {
		this.#query ??= parseQuery(this.request.path);
		return this.#query;
	}

	/** One draw for all runtime fractions of the request, so that a request's way through the table is consistent. */
	get millionth(): number {
		if (this.#draw < 0) this.#draw = this.#random.below(1_000_000);
		return this.#draw;
	}
}
