import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { CorsPolicy } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import type { LocalReply, ResponseHead } from "../../http/message.ts";
import { perMillion } from "../../router/match/fraction.ts";
import { compileStringMatcher, type ValueTest } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

export interface CorsDeps {
	readonly random: Random;
	/** A stat of the connection manager: `cors.origin_valid` and `cors.origin_invalid`. */
	counter(name: string): Counter;
}

interface Policy {
	allows(origin: string): boolean;
	/** Share of a million requests for which the filter works. */
	readonly enabled: number;
	readonly credentials: boolean;
	readonly privateNetwork: boolean;
	readonly exposeHeaders: string;
	/** Answer preflights of origins that are not allowed here instead of passing them on. The origin is not granted then. */
	readonly answersAll: boolean;
	/** Headers of a preflight's answer that are there only when not empty. */
	readonly preflight: readonly (readonly [string, string])[];
}

interface CorsStats {
	readonly valid: Counter;
	readonly invalid: Counter;
}

/** Cross-origin requests by the route's policy (Envoy: CORS filter); the listener's own config is empty. */
export function corsFilter(deps: CorsDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
		parse(_config, _path, name) {
			const stats = { valid: deps.counter("cors.origin_valid"), invalid: deps.counter("cors.origin_invalid") };
			return { name, create: () => new CorsStream(name, stats, deps.random) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parsePolicy(config as CorsPolicy, at, problems)),
	};
}

function parsePolicy(policy: CorsPolicy, at: FieldPath, problems: ProblemList): Policy {
	const tests = policy.allowOriginStringMatch.map((matcher, i): ValueTest => {
		const test = compileStringMatcher(matcher, at.field("allow_origin_string_match").index(i), problems);
		// A matcher that takes the text `*` allows every origin.
		return test("*") ? () => true : test;
	});
	const preflight = [
		["access-control-allow-methods", policy.allowMethods],
		["access-control-allow-headers", policy.allowHeaders],
		["access-control-max-age", policy.maxAge],
	] as const;
	return {
		allows: (origin) => tests.some((test) => test(origin)),
		enabled: policy.filterEnabled ? perMillion(policy.filterEnabled.defaultValue, 0) : 1_000_000,
		credentials: policy.allowCredentials ?? false,
		privateNetwork: policy.allowPrivateNetworkAccess ?? false,
		exposeHeaders: policy.exposeHeaders,
		answersAll: policy.forwardNotMatchingPreflights === false,
		preflight: preflight.filter(([, value]) => value !== ""),
	};
}

class CorsStream implements HttpFilter {
	readonly #name: string;
	readonly #stats: CorsStats;
	readonly #random: Random;
	/** Set once the request's origin is allowed. */
	#origin: string | undefined;
	#policy: Policy | undefined;

	constructor(name: string, stats: CorsStats, random: Random) {
		this.#name = name;
		this.#stats = stats;
		this.#random = random;
	}

	decodeHeaders(stream: FilterStream): "continue" | "stop" {
		const origin = stream.request.headers.get("origin");
		if (!origin) return "continue";
		// As in Envoy, a redirect or direct response has no policy.
		if (stream.route()?.action.kind !== "forward") return "continue";
		const policy = stream.routeConfig(this.#name) as Policy | undefined;
		if (!policy || (policy.enabled < 1_000_000 && this.#random.below(1_000_000) >= policy.enabled)) return "continue";
		const allowed = policy.allows(origin);
		(allowed ? this.#stats.valid : this.#stats.invalid).inc();
		if (allowed) {
			this.#origin = origin;
			this.#policy = policy;
		}
		if (!isPreflight(stream) || (!allowed && !policy.answersAll)) return "continue";
		stream.sendLocalReply(preflightReply(policy, allowed, stream));
		return "stop";
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): void {
		if (this.#origin === undefined || !this.#policy) return;
		headers.set("access-control-allow-origin", this.#origin);
		if (this.#policy.credentials) headers.set("access-control-allow-credentials", "true");
		if (this.#policy.exposeHeaders !== "") headers.set("access-control-expose-headers", this.#policy.exposeHeaders);
	}
}

function isPreflight({ request }: FilterStream): boolean {
	return request.method === "OPTIONS" && Boolean(request.headers.get("access-control-request-method"));
}

/** The filter's own `encodeHeaders` adds origin and credentials of an allowed origin, as to any answer. */
function preflightReply(policy: Policy, allowed: boolean, { request }: FilterStream): LocalReply {
	const asksPrivate = request.headers.get("access-control-request-private-network") === "true";
	const grantsPrivate = allowed && asksPrivate && policy.privateNetwork;
	const headers = grantsPrivate
		? [...policy.preflight, ["access-control-allow-private-network", "true"] as const]
		: policy.preflight;
	return { status: 200, body: "", details: "cors_response", headers };
}
