import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { HealthCheck } from "../../../xds/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import type { ClusterLookup, UpstreamCluster } from "../../cluster/cluster.ts";
import type { LocalReply, ResponseHead } from "../../http/message.ts";
import { compileHeaderMatcher, type HeaderTest } from "../../router/match/header-matcher.ts";
import { requestHeader } from "../../router/match/request-header.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

export interface HealthCheckDeps {
	readonly clock: Clock;
	readonly clusters: ClusterLookup;
	/** `node.cluster` of this proxy. */
	readonly serviceCluster: string;
	/** True while this proxy wants no new work: it drains, or an operator said so. */
	failing(): boolean;
}

interface Check {
	readonly passThrough: boolean;
	/** 0: an upstream's answer is not kept. */
	readonly cacheMs: number;
	readonly minHealthy: readonly { readonly cluster: string; readonly percent: number }[];
	/** All must match. */
	readonly headers: readonly HeaderTest[];
}

/** What an upstream last answered to a check. */
interface Cached {
	status: number;
	degraded: boolean;
	untilMs: number;
}

interface Shared {
	readonly check: Check;
	readonly deps: HealthCheckDeps;
	readonly cached: Cached;
}

/** Answers health checks itself, or passes them on while the proxy is well (Envoy: health check filter). */
export function healthCheckFilter(deps: HealthCheckDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
		parse(config, path, name) {
			const check = readingConfig(path, (at, problems) => parseCheck(config as HealthCheck, at, problems));
			const cached = { status: 200, degraded: false, untilMs: Number.NEGATIVE_INFINITY };
			return { name, create: () => new CheckStream({ check, deps, cached }) };
		},
	};
}

function parseCheck(config: HealthCheck, at: FieldPath, problems: ProblemList): Check {
	const { passThroughMode, cacheTime, clusterMinHealthyPercentages } = config;
	if (passThroughMode === undefined)
		problems.add("missing", at.field("pass_through_mode"), "the filter does not say whether it passes checks on");
	const cacheMs = cacheTime ? durationMs(cacheTime) : 0;
	if (cacheMs > 0 && passThroughMode === false)
		problems.add("invalid", at.field("cache_time"), "there is nothing to keep when no check is passed on");
	const minHealthy = Object.entries(clusterMinHealthyPercentages).map(([cluster, { value: percent }]) => {
		if (!(percent >= 0 && percent <= 100))
			problems.add("invalid", at.field("cluster_min_healthy_percentages").key(cluster), `${percent} is no percentage`);
		return { cluster, percent };
	});
	return {
		passThrough: passThroughMode ?? false,
		cacheMs,
		minHealthy,
		headers: config.headers.map((h, i) => compileHeaderMatcher(h, at.field("headers").index(i), problems)),
	};
}

class CheckStream implements HttpFilter {
	readonly #shared: Shared;
	#isCheck = false;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	decodeHeaders(stream: FilterStream, endStream: boolean): HeadOutcome {
		const { check, deps } = this.#shared;
		if (!check.headers.every((header) => header.test(requestHeader(stream.request, header.name)))) return "pass";
		this.#isCheck = true;
		stream.info.healthCheck = true;
		stream.info.trace?.dismiss();
		if (check.passThrough && !deps.failing() && !this.#mayUseCached()) return "pass";
		if (!endStream) return "hold";
		stream.sendLocalReply(this.#reply());
		return "stop";
	}

	/** The answer waits for the whole request. */
	decodeData(): "taken" {
		return "taken";
	}

	decodeEnd(stream: FilterStream): "hold" {
		stream.sendLocalReply(this.#reply());
		return "hold";
	}

	encodeHeaders(_stream: FilterStream, { status, headers }: ResponseHead): "pass" {
		const { check, deps, cached } = this.#shared;
		if (!this.#isCheck) {
			if (deps.failing()) headers.set("x-envoy-immediate-health-check-fail", "true");
			return "pass";
		}
		if (check.cacheMs > 0) {
			if (!this.#mayUseCached()) cached.untilMs = deps.clock.nowMs() + check.cacheMs;
			cached.status = status;
			cached.degraded = headers.has("x-envoy-degraded");
		}
		headers.set("x-envoy-upstream-healthchecked-cluster", deps.serviceCluster);
		return "pass";
	}

	#mayUseCached(): boolean {
		const { check, deps, cached } = this.#shared;
		return check.cacheMs > 0 && deps.clock.nowMs() < cached.untilMs;
	}

	#reply(): LocalReply {
		const { check, deps, cached } = this.#shared;
		if (deps.failing()) return answer(503, "health_check_failed");
		if (this.#mayUseCached()) return answer(cached.status, "health_check_cached", cached.degraded);
		if (check.minHealthy.length === 0) return answer(200, "health_check_ok");
		for (const { cluster, percent } of check.minHealthy) {
			const sick = ailmentOf(deps.clusters.get(cluster), percent);
			if (sick) return answer(503, sick);
		}
		return answer(200, "health_check_ok_cluster_healthy");
	}
}

function answer(status: number, details: string, degraded = false): LocalReply {
	return {
		status,
		body: "",
		details,
		...(!(status >= 200 && status < 300) && { flag: "LH" as const }),
		...(degraded && { headers: [["x-envoy-degraded", ""]] as const }),
	};
}

/** Why a cluster is not well enough, as response code details; one that is empty is well only when nothing is asked of it. */
function ailmentOf(cluster: UpstreamCluster | undefined, percent: number): string | undefined {
	if (!cluster) return "health_check_failed_no_cluster_found";
	const { membershipTotal, membershipHealthy } = cluster.stats;
	if (membershipTotal.value === 0) return percent === 0 ? undefined : "health_check_failed_cluster_empty";
	const enough = membershipHealthy.value >= (membershipTotal.value * percent) / 100;
	return enough ? undefined : "health_check_failed_cluster_unhealthy";
}
