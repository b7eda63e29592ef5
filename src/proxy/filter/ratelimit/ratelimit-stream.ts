import { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { SideCall } from "../../http/side-calls.ts";
import { describeByRoute, describeRequest } from "../../router/rate-limit/describe-request.ts";
import type { RateLimitDescriptor } from "../../router/rate-limit/descriptor.ts";
import { clusterOf, countOnCluster } from "../cluster-counter.ts";
import type { FilterStream, HttpFilter } from "../http-filter.ts";
import { longestWait, rateLimitHeaders } from "./limit-headers.ts";
import { askRateLimit, type LimitDecision } from "./rate-limit-service.ts";
import type { RateLimitRoute, RateLimitSettings } from "./ratelimit-settings.ts";

const TOO_MANY_REQUESTS = 429;

type Answer = Exclude<LimitDecision, { kind: "error" }>;

/** One stream: asks with the descriptors that it has, if any, and carries the answer out. */
export class RateLimitStream implements HttpFilter {
	readonly #on: RateLimitSettings;
	#call: SideCall | undefined = undefined;
	#responseHeaders: (readonly [string, string])[] = [];

	constructor(on: RateLimitSettings) {
		this.#on = on;
	}

	decodeHeaders(stream: FilterStream): "pass" | "stop" {
		const { enabled, deps, domain, target } = this.#on;
		if (!this.#drawn(enabled) || !this.#concerns(stream) || !clusterOf(stream, deps)) return "pass";
		const route = stream.routeConfig(this.#on.name) as RateLimitRoute | undefined;
		const descriptors = this.#descriptors(stream, route);
		if (descriptors.length === 0) return "pass";
		const question = { domain: route?.domain || domain, descriptors };
		this.#call = askRateLimit(deps.sideCalls, target, question, (decision) => {
			this.#call = undefined;
			this.#decided(decision, stream);
		});
		return "stop";
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): "pass" {
		for (const [name, value] of this.#responseHeaders) headers.append(name, value);
		return "pass";
	}

	onStreamEnd(): void {
		this.#call?.cancel();
	}

	#drawn(share: number): boolean {
		return share >= 1_000_000 || (share > 0 && this.#on.deps.random.below(1_000_000) < share);
	}

	#concerns({ request }: FilterStream): boolean {
		const { requestType } = this.#on;
		return requestType === "both" || isInternal(request) === (requestType === "internal");
	}

	#descriptors(stream: FilterStream, route: RateLimitRoute | undefined): readonly RateLimitDescriptor[] {
		const { policy, stage, deps } = this.#on;
		const own = route && !route.policy.empty ? route.policy : policy;
		if (!own.empty) return describeRequest([own], stage, stream, deps.serviceCluster);
		return describeByRoute(route?.virtualHost ?? "override", stage, stream, deps.serviceCluster);
	}

	#decided(decision: LimitDecision, stream: FilterStream): void {
		if (decision.kind === "error") {
			this.#fail(stream);
			return;
		}
		this.#keepMetadata(decision, stream);
		const overLimit = decision.kind === "over-limit";
		this.#count(overLimit ? "over_limit" : "ok", stream);
		if (overLimit)
			clusterOf(stream, this.#on.deps)?.stats.countStatus(this.#on.limitedStatus, isInternal(stream.request));
		const headers = this.#headersOf(decision);
		if (overLimit && this.#drawn(this.#on.enforced)) {
			this.#refuse(decision, headers, stream);
			return;
		}
		this.#responseHeaders = headers;
		for (const [name, value] of decision.requestHeaders) stream.request.headers.append(name, value);
		stream.continueDecoding(this);
	}

	#fail(stream: FilterStream): void {
		this.#count("error", stream);
		if (this.#drawn(this.#on.failureDeny)) {
			const status = this.#on.statusOnError;
			stream.sendLocalReply({ status, body: "", flag: "RLSE", details: "rate_limiter_error" });
			return;
		}
		this.#count("failure_mode_allowed", stream);
		stream.continueDecoding(this);
	}

	#refuse({ body }: Answer, added: readonly (readonly [string, string])[], stream: FilterStream): void {
		const { limitedStatus, grpcStatus, responseHeaders } = this.#on;
		const { info, request } = stream;
		const headers = HeaderMap.of(...added);
		responseHeaders?.apply(headers, { info, request });
		stream.sendLocalReply({
			status: limitedStatus,
			body: new TextDecoder().decode(body),
			flag: "RL",
			details: "request_rate_limited",
			headers: headers.names.map((name, i) => [name, headers.values[i]!] as const),
			...(grpcStatus !== undefined && { grpcStatus }),
		});
	}

	#headersOf({ kind, statuses, responseHeaders }: Answer): (readonly [string, string])[] {
		const { limitHeaders, limitedHeader, retryAfter, limitedStatus } = this.#on;
		const headers = [...responseHeaders];
		const overLimit = kind === "over-limit";
		if (overLimit && limitedHeader) headers.push(["x-envoy-ratelimited", "true"]);
		if (limitHeaders) headers.push(...rateLimitHeaders(statuses));
		const waitS = overLimit && retryAfter && limitedStatus === TOO_MANY_REQUESTS ? longestWait(statuses) : undefined;
		if (waitS !== undefined) headers.push(["retry-after", String(waitS)]);
		return headers;
	}

	#keepMetadata({ metadata }: Answer, { info }: FilterStream): void {
		if (!metadata || Object.keys(metadata).length === 0) return;
		const { metadataNamespace: namespace } = this.#on;
		info.dynamicMetadata.set(namespace, { ...info.dynamicMetadata.get(namespace), ...metadata });
	}

	#count(stat: string, stream: FilterStream): void {
		const { deps, statPrefix } = this.#on;
		countOnCluster(clusterOf(stream, deps), `${statPrefix}${stat}`, deps);
	}
}

/** The connection manager knows where a request comes from. */
function isInternal({ headers }: RequestHead): boolean {
	return headers.get("x-envoy-internal") === "true";
}
