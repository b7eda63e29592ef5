import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { CorsPolicy as Message } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import type { LocalReply, ResponseHead } from "../../http/message.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { type CorsPolicy, combineCorsPolicies, parseCorsPolicy } from "./cors-policy.ts";

export interface CorsDeps {
	readonly random: Random;
	/** A stat of the connection manager: `cors.origin_valid` and `cors.origin_invalid`. */
	counter(name: string): Counter;
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
			return {
				name,
				wants: ({ request }) => request.headers.has("origin"),
				create: () => new CorsStream(name, stats, deps.random),
			};
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseCorsPolicy(config as Message, at, problems)),
	};
}

class CorsStream implements HttpFilter {
	readonly #name: string;
	readonly #stats: CorsStats;
	readonly #random: Random;
	/** Set once the request's origin is allowed. */
	#origin: string | undefined;
	#policy: CorsPolicy | undefined;

	constructor(name: string, stats: CorsStats, random: Random) {
		this.#name = name;
		this.#stats = stats;
		this.#random = random;
	}

	decodeHeaders(stream: FilterStream): "continue" | "stop" {
		const origin = stream.request.headers.get("origin");
		if (!origin) return "continue";
		const policy = policyOf(stream, this.#name);
		if (!policy) return "continue";
		const enforced = this.#drawn(policy.enabled);
		if (!enforced && !this.#drawn(policy.shadowed)) return "continue";
		const allowed = policy.origins?.some((test) => test(origin)) ?? false;
		(allowed ? this.#stats.valid : this.#stats.invalid).inc();
		if (!enforced) return "continue";
		if (allowed) {
			this.#origin = origin;
			this.#policy = policy;
		}
		if (!isPreflight(stream) || (!allowed && (policy.forwardsPreflights ?? true))) return "continue";
		stream.sendLocalReply(preflightReply(policy, allowed ? origin : undefined, stream));
		return "stop";
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): "continue" {
		if (this.#origin === undefined || !this.#policy) return "continue";
		headers.set("access-control-allow-origin", this.#origin);
		if (this.#policy.credentials) headers.set("access-control-allow-credentials", "true");
		if (this.#policy.exposeHeaders) headers.set("access-control-expose-headers", this.#policy.exposeHeaders);
		return "continue";
	}

	#drawn(share: number): boolean {
		return share >= 1_000_000 || (share > 0 && this.#random.below(1_000_000) < share);
	}
}

/** As in Envoy, a redirect or direct response has no policy. */
function policyOf(stream: FilterStream, name: string): CorsPolicy | undefined {
	const route = stream.route();
	if (route?.action.kind !== "forward") return undefined;
	return combineCorsPolicies(route.perFilterConfigs(name) as readonly CorsPolicy[]);
}

function isPreflight({ request }: FilterStream): boolean {
	return request.method === "OPTIONS" && Boolean(request.headers.get("access-control-request-method"));
}

/** `origin` is undefined when it is not allowed. */
function preflightReply(policy: CorsPolicy, origin: string | undefined, { request }: FilterStream): LocalReply {
	const headers: [string, string][] = [];
	if (origin !== undefined) headers.push(["access-control-allow-origin", origin]);
	if (policy.credentials) headers.push(["access-control-allow-credentials", "true"]);
	grant(headers, "access-control-allow-methods", policy.methods, request.headers.get("access-control-request-method"));
	grant(headers, "access-control-allow-headers", policy.headers, request.headers.get("access-control-request-headers"));
	if (policy.maxAge) headers.push(["access-control-max-age", policy.maxAge]);
	if (policy.privateNetwork && request.headers.get("access-control-request-private-network") === "true")
		headers.push(["access-control-allow-private-network", "true"]);
	return { status: 200, body: "", details: "cors_response", headers };
}

/** `*` grants what the preflight asks for. */
function grant(
	headers: [string, string][],
	name: string,
	allowed: string | undefined,
	asked: string | undefined,
): void {
	if (allowed) headers.push([name, allowed === "*" ? (asked ?? "") : allowed]);
}
