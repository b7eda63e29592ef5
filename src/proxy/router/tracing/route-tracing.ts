import type { FieldPath } from "../../../lib/field-path.ts";
import type { Tracing } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { FormatEnvironment } from "../format/format-context.ts";
import { compileTextFormat, type TextFormat } from "../format/text-format.ts";
import type { ProblemList } from "../problem-list.ts";
import { type CustomTag, compileCustomTags } from "./custom-tag.ts";
import { type SamplingShares, shareOf } from "./sampling-shares.ts";

/** A route's own tracing (`tracing` of a Route), which goes before the connection manager's. */
export interface RouteTracing {
	readonly sampling: SamplingShares;
	readonly customTags: readonly CustomTag[];
	/** Name of the request's span; undefined: the connection manager's. */
	readonly operation: TextFormat | undefined;
	/** Name of the attempts' spans. */
	readonly upstreamOperation: TextFormat | undefined;
}

/** Compiles a route's `tracing`. */
export function compileRouteTracing(
	tracing: Tracing,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): RouteTracing {
	const { clientSampling, randomSampling, overallSampling, customTags } = tracing;
	return {
		sampling: { client: shareOf(clientSampling), random: shareOf(randomSampling), overall: shareOf(overallSampling) },
		customTags: compileCustomTags(customTags, env, at.field("custom_tags"), problems),
		operation: compileOperation(tracing.operation, env, at.field("operation"), problems),
		upstreamOperation: compileOperation(tracing.upstreamOperation, env, at.field("upstream_operation"), problems),
	};
}

/** Compiles the name of a span; undefined: it has the usual one. */
export function compileOperation(
	text: string,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): TextFormat | undefined {
	return text === "" ? undefined : compileTextFormat(text, { env, missing: "" }, at, problems);
}
