import type { JsonObject } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { CommonGrpcAccessLogConfig } from "../../../xds/generated/envoy/extensions/access_loggers/grpc/v3/als_pb.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { type CustomTag, compileCustomTags } from "../../router/tracing/custom-tag.ts";
import type { BatchLimits } from "./entry-batch.ts";

const FLUSH_MS = 1000;
const BUFFER_BYTES = 16384;

/** What every entry of a logger tells beside what is always there. */
export interface EntryExtras {
	readonly customTags: readonly CustomTag[];
	readonly filterState: readonly string[];
	readonly env: FormatEnvironment;
}

/** What a finished stream's tags are. */
export function tagsOf({ customTags }: Pick<EntryExtras, "customTags">, ctx: FormatContext): Record<string, string> {
	const tags: Record<string, string> = {};
	const { info } = ctx;
	const from = {
		...ctx,
		metadataOf: (kind: "cluster" | "host") =>
			kind === "cluster" ? info.upstreamClusterMetadata : info.upstreamEndpoint?.metadata,
	};
	for (const { name, value } of customTags) {
		const text = value(from);
		if (text !== "") tags[name] = text;
	}
	return tags;
}

/** Filter state that the logger tells, each as text or as an object; what is not there is left out. */
export function stateOf(
	{ filterState, env }: Pick<EntryExtras, "filterState" | "env">,
	{ info }: FormatContext,
): Record<string, string | JsonObject> {
	const found: Record<string, string | JsonObject> = {};
	for (const key of filterState) {
		const value = info.filterState.get(key);
		const shown = value === undefined ? undefined : (env.stateObject?.(key, value) ?? value);
		if (typeof shown === "object" && shown !== null) found[key] = shown as JsonObject;
		else if (shown !== undefined && shown !== null) found[key] = String(shown);
	}
	return found;
}

/** The common settings of a logger that sends entries to a service. */
export function parseExtras(
	common: Pick<CommonGrpcAccessLogConfig, "customTags" | "filterStateObjectsToLog">,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): EntryExtras {
	return {
		customTags: compileCustomTags(common.customTags, env, at.field("custom_tags"), problems),
		filterState: common.filterStateObjectsToLog,
		env,
	};
}

/** When entries are sent; Envoy's defaults. */
export function parseLimits(
	{ bufferFlushInterval, bufferSizeBytes }: Pick<CommonGrpcAccessLogConfig, "bufferFlushInterval" | "bufferSizeBytes">,
	at: FieldPath,
	problems: ProblemList,
): BatchLimits {
	const flushMs = bufferFlushInterval ? durationMs(bufferFlushInterval) : FLUSH_MS;
	if (flushMs <= 0) problems.add("invalid", at.field("buffer_flush_interval"), "the interval is not above 0");
	return { flushMs, maxBytes: bufferSizeBytes ?? BUFFER_BYTES };
}
