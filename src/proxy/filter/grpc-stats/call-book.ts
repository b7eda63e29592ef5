import type { Metrics, StatScope } from "../../../telemetry/metric-registry.ts";
import type { Counter, Histogram } from "../../../telemetry/metrics.ts";
import type { HeaderMap } from "../../http/header-map.ts";

/** A status as a stat's name may have it; clients and upstreams must not make up names at will. */
const STATUS = /^\d{1,3}$/;

/** Names of methods come from clients: a full book is emptied. */
const MAX_SERIES = 1000;

/** `/package.Service/Method` in its parts; undefined when it is none. */
export function serviceAndMethod(path: string): readonly [service: string, method: string] | undefined {
	const parts = path
		.split("?", 1)[0]!
		.split("/")
		.filter((part) => part !== "");
	return parts.length === 2 ? [parts[0]!, parts[1]!] : undefined;
}

/** The part of a stat's name that stands for a call: `package.Service.Method.`. */
export function callNameOf(path: string): string | undefined {
	const call = serviceAndMethod(path);
	return call && `${call[0]}.${call[1]}.`;
}

/** Stats of one method at one cluster (Envoy: `cluster.<name>.grpc.<service>.<method>.`). */
export class CallStats {
	readonly #scope: StatScope;
	readonly #prefix: string;
	#requestMessages: Counter | undefined;
	#responseMessages: Counter | undefined;
	#time: Histogram | undefined;

	constructor(scope: StatScope, prefix: string) {
		this.#scope = scope;
		this.#prefix = prefix;
	}

	requestMessages(count: number): void {
		this.#requestMessages ??= this.#scope.counter(`${this.#prefix}request_message_count`);
		this.#requestMessages.inc(count);
	}

	responseMessages(count: number): void {
		this.#responseMessages ??= this.#scope.counter(`${this.#prefix}response_message_count`);
		this.#responseMessages.inc(count);
	}

	/** Counts the call's end when these fields (of head or trailers) have its status. */
	ended(fields: HeaderMap): void {
		const status = fields.get("grpc-status");
		if (status === undefined || !STATUS.test(status)) return;
		this.#scope.counter(this.#prefix + status).inc();
		this.#scope.counter(`${this.#prefix}${status === "0" ? "success" : "failure"}`).inc();
		this.#scope.counter(`${this.#prefix}total`).inc();
	}

	took(ms: number): void {
		this.#time ??= this.#scope.histogram(`${this.#prefix}upstream_rq_time`);
		this.#time.record(ms);
	}

	release(): void {
		this.#scope.release();
	}
}

/** Call stats by cluster and method, made at first use. */
export class CallBook {
	readonly #metrics: Pick<Metrics, "scope">;
	readonly #series = new Map<string, CallStats>();

	constructor(metrics: Pick<Metrics, "scope">) {
		this.#metrics = metrics;
	}

	/** `name` as of `callNameOf`, "" for calls that are counted without their name. */
	of(cluster: string, protocol: "grpc" | "grpc-web", name: string): CallStats {
		const key = `${cluster}\0${protocol}.${name}`;
		const known = this.#series.get(key);
		if (known) return known;
		if (this.#series.size >= MAX_SERIES) {
			for (const series of this.#series.values()) series.release();
			this.#series.clear();
		}
		const made = new CallStats(this.#metrics.scope(`cluster.${cluster}.`), `${protocol}.${name}`);
		this.#series.set(key, made);
		return made;
	}
}
