import type { FieldPath } from "../../lib/field-path.ts";
import type { Router } from "../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { ProblemList } from "../router/problem-list.ts";

/** The router filter's own settings. */
export interface RouterSettings {
	/** No x-envoy fields on requests and answers. */
	readonly suppressEnvoyHeaders: boolean;
	/** Statuses and times of answers are counted. */
	readonly countsStatuses: boolean;
	/** Of failed gRPC calls that failed before an endpoint answered, the status is not counted. */
	readonly hidesGrpcFailures: boolean;
	/** x-envoy-expected-rq-timeout-ms of a proxy before this one is the timeout. */
	readonly respectsExpectedTimeout: boolean;
	/** Fields whose value must be a valid one. */
	readonly strictHeaders: readonly string[];
}

export const DEFAULT_ROUTER: RouterSettings = {
	suppressEnvoyHeaders: false,
	countsStatuses: true,
	hidesGrpcFailures: false,
	respectsExpectedTimeout: false,
	strictHeaders: [],
};

/** What Envoy can look at (router.proto). */
const CHECKABLE: readonly string[] = [
	"x-envoy-upstream-rq-timeout-ms",
	"x-envoy-upstream-rq-per-try-timeout-ms",
	"x-envoy-max-retries",
	"x-envoy-retry-grpc-on",
	"x-envoy-retry-on",
];

/** Reads the router filter's configuration. */
export function parseRouter(message: Router, at: FieldPath, problems: ProblemList): RouterSettings {
	message.strictCheckHeaders.forEach((name, i) => {
		if (!CHECKABLE.includes(name))
			problems.add(
				"invalid",
				at.field("strict_check_headers").index(i),
				`"${name}" is not among ${CHECKABLE.join(", ")}`,
			);
	});
	return {
		suppressEnvoyHeaders: message.suppressEnvoyHeaders,
		countsStatuses: message.dynamicStats ?? true,
		hidesGrpcFailures: message.suppressGrpcRequestFailureCodeStats,
		respectsExpectedTimeout: message.respectExpectedRqTimeout,
		strictHeaders: message.strictCheckHeaders,
	};
}
