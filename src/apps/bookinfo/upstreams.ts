import { call } from "../kit/call.ts";
import { complain } from "../kit/say.ts";
import type { Env } from "../kit/serve.ts";
import { serviceUrl } from "./service-address.ts";

const TIMEOUT_MS = 3_000;

export interface Details {
	readonly [field: string]: unknown;
}

export interface Reviews {
	readonly podname?: string;
	readonly clustername?: string;
	readonly reviews?: readonly Review[];
}

export interface Review {
	readonly reviewer: string;
	readonly text: string;
	readonly rating?: { readonly stars?: number; readonly color?: string; readonly error?: string };
}

/** An upstream's answer: its JSON when the status is 200, else one sentence for the reader. */
export type Fetched<T> =
	| { readonly status: 200; readonly value: T }
	| { readonly status: number; readonly value?: undefined; readonly error: string };

type Headers = Record<string, string | string[]>;

/** The services behind the product page, with the counter of results that the page publishes. */
export class Upstreams {
	readonly #env: Env;
	readonly #results = new Map<string, number>();
	readonly #floodFactor: number;

	constructor(env: Env) {
		this.#env = env;
		this.#floodFactor = Number(env.FLOOD_FACTOR ?? 0);
	}

	details(id: string, headers: Headers): Promise<Fetched<Details>> {
		return this.#fetch("details", id, headers, 1);
	}

	/** Asked up to twice: with 3 s each a reader waits 6 s at most (the Bookinfo puzzle of the 7 s delay). */
	reviews(id: string, headers: Headers): Promise<Fetched<Reviews>> {
		return this.#fetch("reviews", id, headers, 2);
	}

	ratings(id: string, headers: Headers): Promise<Fetched<unknown>> {
		return this.#fetch("ratings", id, headers, 1);
	}

	/** FLOOD_FACTOR extra calls to reviews per page, to put load on it; their answers do not matter. */
	async flood(id: string, headers: Headers): Promise<void> {
		const url = `${serviceUrl(this.#env, "reviews")}/reviews/${id}`;
		await Promise.allSettled(
			Array.from({ length: this.#floodFactor }, () => call(url, { headers, timeoutMs: TIMEOUT_MS, keepAlive: false })),
		);
	}

	/** Prometheus text of `request_result_total`. */
	metrics(): string {
		const lines = [...this.#results].map(([labels, count]) => `request_result_total{${labels}} ${count}\n`);
		return `# HELP request_result_total Results of requests\n# TYPE request_result_total counter\n${lines.join("")}`;
	}

	async #fetch<T>(
		name: "details" | "reviews" | "ratings",
		id: string,
		headers: Headers,
		attempts: number,
	): Promise<Fetched<T>> {
		const url = `${serviceUrl(this.#env, name)}/${name}/${encodeURIComponent(id)}`;
		let status = 500;
		for (let attempt = 0; attempt < attempts; attempt++) {
			try {
				const answer = await call(url, { headers, timeoutMs: TIMEOUT_MS, keepAlive: false });
				status = answer.status;
				if (status === 200) {
					const value = JSON.parse(answer.body) as T;
					this.#count(name, status);
					return { status, value };
				}
			} catch (error) {
				status = 500;
				complain(`GET ${url}: ${String(error)}`);
			}
		}
		this.#count(name, status);
		return { status, error: `Sorry, product ${name} are currently unavailable for this book.` };
	}

	#count(app: string, status: number): void {
		const labels = `destination_app="${app}",response_code="${status}"`;
		this.#results.set(labels, (this.#results.get(labels) ?? 0) + 1);
	}
}
