import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type MetricConfig,
	type PluginConfig,
	PluginConfigSchema,
	Reporter,
} from "../../../xds/generated/envoy/extensions/stats/config_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { readPlainObject } from "../problem-path.ts";
import { compileDimension, type Dimension } from "./dimension.ts";
import { ISTIO_LABELS, type IstioMetric } from "./istio-families.ts";

/** What the configuration changes about one metric. */
export interface MetricOverride {
	readonly dropped: boolean;
	readonly removed: ReadonlySet<string>;
	readonly dimensions: ReadonlyMap<string, Dimension>;
}

export interface StatsSettings {
	/** The Host header stands in where the cluster does not say which service it is. */
	readonly hostFallback: boolean;
	/** Labels beyond Istio's own, of any metric; empty where a metric has it not. */
	readonly moreLabels: readonly string[];
	/** Undefined: the metric is as it is. */
	override(metric: IstioMetric): MetricOverride | undefined;
}

/** Names of metrics in the configuration. */
const METRICS: Readonly<Record<string, IstioMetric>> = {
	requests_total: "requestsTotal",
	request_duration_milliseconds: "requestDurationMs",
	request_bytes: "requestBytes",
	response_bytes: "responseBytes",
	request_messages_total: "requestMessages",
	response_messages_total: "responseMessages",
};

/** Reads `stats.PluginConfig`, as a message or as the plain object of a TypedStruct. */
export function parseStatsConfig(config: unknown, at: FieldPath, problems: ProblemList): StatsSettings {
	const message = asMessage(config, at, problems);
	const overrides = new Map<IstioMetric, MetricOverride>();
	for (const [i, metric] of (message?.metrics ?? []).entries())
		addOverride(overrides, metric, at.field("metrics").index(i), problems);
	if (message && message.definitions.length > 0)
		problems.notImplemented(at.field("definitions"), "a metric of one's own");
	if (message?.reporter === Reporter.SERVER_GATEWAY)
		problems.notImplemented(at.field("reporter"), "reporting as a waypoint");
	const labels = [...overrides.values()].flatMap(({ dimensions }) => [...dimensions.keys()]);
	return {
		moreLabels: [...new Set(labels)].filter((name) => !isLabel(name)),
		hostFallback: !message?.disableHostHeaderFallback,
		override: (metric) => overrides.get(metric),
	};
}

function asMessage(config: unknown, at: FieldPath, problems: ProblemList): PluginConfig | undefined {
	if (typeof config === "object" && config !== null && "$typeName" in config) return config as PluginConfig;
	const known = PluginConfigSchema.fields.flatMap(({ name, jsonName }) => [name, jsonName]);
	const before = problems.problems.length;
	const plain = readPlainObject(config, known, at, problems);
	if (problems.problems.length > before) return undefined;
	try {
		return fromJson(PluginConfigSchema, plain as JsonObject);
	} catch (cause) {
		problems.add("invalid", at, cause instanceof Error ? cause.message : String(cause));
		return undefined;
	}
}

function addOverride(
	overrides: Map<IstioMetric, MetricOverride>,
	config: MetricConfig,
	at: FieldPath,
	problems: ProblemList,
): void {
	if (config.match !== "") problems.notImplemented(at.field("match"), "a condition on a metric");
	// What is said of a metric that is not there is passed over, as Istio's proxy does.
	if (config.name !== "" && !Object.hasOwn(METRICS, config.name)) return;
	const change = readChange(config, at, problems);
	const names = config.name === "" ? Object.values(METRICS) : [METRICS[config.name]!];
	for (const metric of names) overrides.set(metric, merged(overrides.get(metric), change));
}

function readChange(config: MetricConfig, at: FieldPath, problems: ProblemList): MetricOverride {
	const dimensions = new Map<string, Dimension>();
	for (const [name, expression] of Object.entries(config.dimensions)) {
		const here = at.field("dimensions").key(name);
		const dimension = compileDimension(expression);
		if (dimension) dimensions.set(name, dimension);
		else problems.notImplemented(here, `the expression ${JSON.stringify(expression)}`);
	}
	return { dropped: config.drop, removed: new Set(config.tagsToRemove), dimensions };
}

function merged(before: MetricOverride | undefined, change: MetricOverride): MetricOverride {
	if (!before) return change;
	return {
		dropped: before.dropped || change.dropped,
		removed: new Set([...before.removed, ...change.removed]),
		dimensions: new Map([...before.dimensions, ...change.dimensions]),
	};
}

function isLabel(name: string): boolean {
	return (ISTIO_LABELS as readonly string[]).includes(name);
}
