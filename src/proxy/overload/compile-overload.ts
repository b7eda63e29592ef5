import { durationMs } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import type {
	OverloadManager,
	ResourceMonitor,
	Trigger,
} from "../../xds/generated/envoy/config/overload/v3/overload_pb.ts";
import { DownstreamConnectionsConfigSchema } from "../../xds/generated/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.ts";
import { FixedHeapConfigSchema } from "../../xds/generated/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.ts";
import type { SupportedFields } from "../../xds/supported.ts";

const OVERLOAD = "envoy.config.overload.v3";

/** What this room obeys. */
export const SUPPORTED: SupportedFields = {
	[`${OVERLOAD}.OverloadManager`]: ["refresh_interval", "resource_monitors", "actions", "loadshed_points"],
	[`${OVERLOAD}.ResourceMonitor`]: ["name", "typed_config"],
	[`${OVERLOAD}.OverloadAction`]: ["name", "triggers"],
	[`${OVERLOAD}.LoadShedPoint`]: ["name", "triggers"],
	[`${OVERLOAD}.Trigger`]: ["name", "threshold", "scaled"],
	[`${OVERLOAD}.ThresholdTrigger`]: "*",
	[`${OVERLOAD}.ScaledTrigger`]: "*",
	[FixedHeapConfigSchema.typeName]: "*",
	[DownstreamConnectionsConfigSchema.typeName]: "*",
};

/** What can be set off; the names are Envoy's, without `envoy.overload_actions.` and `envoy.load_shed_points.`. */
export const OVERLOAD_ACTIONS = [
	"stop_accepting_requests",
	"disable_http_keepalive",
	"stop_accepting_connections",
	"reject_incoming_connections",
	"shrink_heap",
	"tcp_listener_accept",
	"http_connection_manager_decode_headers",
] as const;
export type OverloadActionName = (typeof OVERLOAD_ACTIONS)[number];

/** 0 below `from`, 1 from `to` on, linear between; a threshold has both the same. */
export interface OverloadTrigger {
	readonly resource: string;
	readonly from: number;
	readonly to: number;
}

export interface OverloadConfig {
	readonly refreshMs: number;
	/** Monitors of memory: name → bytes that are 100 %. */
	readonly maxHeapBytes: ReadonlyMap<string, number>;
	/** Highest number of client connections of all listeners; undefined: any. */
	readonly maxConnections: { readonly resource: string; readonly limit: number } | undefined;
	/** The name as it is configured, for stats, and what it sets off. */
	readonly actions: readonly {
		readonly name: string;
		readonly action: OverloadActionName;
		readonly triggers: readonly OverloadTrigger[];
	}[];
}

const PREFIXES = ["envoy.overload_actions.", "envoy.load_shed_points."];
const DEFAULT_REFRESH_MS = 1000;

/** Reads the bootstrap's `overload_manager`; throws ProblemError (LTN356x) with every path. */
export function compileOverload(message: OverloadManager, path: string): OverloadConfig {
	const at = fieldPath(path);
	const problems: Problem[] = [];
	const monitors = readMonitors(message.resourceMonitors, at.field("resource_monitors"), problems);
	const known = new Set([...monitors.maxHeapBytes.keys(), monitors.maxConnections?.resource]);
	const readActions = (list: OverloadManager["actions"] | OverloadManager["loadshedPoints"], where: FieldPath) =>
		list.flatMap(({ name, triggers }, i) => {
			const action = actionOf(name);
			const here = where.index(i);
			const read = triggers.flatMap((trigger, j) => {
				const triggerAt = here.field("triggers").index(j);
				if (!known.has(trigger.name))
					problems.push(problem("LTN3562", `${triggerAt}.name`, `there is no resource monitor "${trigger.name}"`));
				return readTrigger(trigger, triggerAt, problems) ?? [];
			});
			if (action) return [{ name, action, triggers: read }];
			const fix = `use one of ${OVERLOAD_ACTIONS.join(", ")}`;
			problems.push(problem("LTN3561", `${here}.name`, `"${name}" is not implemented by this proxy`, fix));
			return [];
		});
	const actions = [
		...readActions(message.actions, at.field("actions")),
		...readActions(message.loadshedPoints, at.field("loadshed_points")),
	];
	if (problems.length > 0) throw new ProblemError(problems);
	return {
		refreshMs: message.refreshInterval ? durationMs(message.refreshInterval) : DEFAULT_REFRESH_MS,
		...monitors,
		actions,
	};
}

function actionOf(name: string): OverloadActionName | undefined {
	const prefix = PREFIXES.find((one) => name.startsWith(one));
	return prefix === undefined ? undefined : OVERLOAD_ACTIONS.find((action) => action === name.slice(prefix.length));
}

function readMonitors(
	list: readonly ResourceMonitor[],
	at: FieldPath,
	problems: Problem[],
): Pick<OverloadConfig, "maxHeapBytes" | "maxConnections"> {
	const maxHeapBytes = new Map<string, number>();
	let maxConnections: OverloadConfig["maxConnections"];
	for (const [i, { name, configType }] of list.entries()) {
		const config = configType.case === "typedConfig" ? configType.value : undefined;
		const heap = unpackAs(config, FixedHeapConfigSchema);
		const connections = unpackAs(config, DownstreamConnectionsConfigSchema);
		const where = at.index(i).toString();
		if (maxHeapBytes.has(name) || maxConnections?.resource === name)
			problems.push(problem("LTN3562", `${where}.name`, `there are two resource monitors "${name}"`));
		if (heap) maxHeapBytes.set(name, positive(Number(heap.maxHeapSizeBytes), `${where}.max_heap_size_bytes`, problems));
		else if (connections) {
			const limitAt = `${where}.max_active_downstream_connections`;
			const limit = positive(Number(connections.maxActiveDownstreamConnections), limitAt, problems);
			maxConnections = { resource: name, limit };
		} else
			problems.push(problem("LTN3561", where, `the resource monitor ${config?.typeUrl ?? name} is not implemented`));
	}
	return { maxHeapBytes, maxConnections };
}

function positive(value: number, path: string, problems: Problem[]): number {
	if (value <= 0) problems.push(problem("LTN3563", path, `${value} is not above 0`));
	return value;
}

function readTrigger({ name, triggerOneof }: Trigger, at: FieldPath, problems: Problem[]): OverloadTrigger | undefined {
	const within = (value: number) => value >= 0 && value <= 1;
	if (triggerOneof.case === "threshold") {
		const { value } = triggerOneof.value;
		if (!within(value)) problems.push(problem("LTN3563", `${at}.threshold.value`, `${value} is not within 0 and 1`));
		return { resource: name, from: value, to: value };
	}
	if (triggerOneof.case === "scaled") {
		const { scalingThreshold: from, saturationThreshold: to } = triggerOneof.value;
		if (!within(from) || !within(to) || from >= to)
			problems.push(problem("LTN3563", `${at}.scaled`, "scaling_threshold must be below saturation_threshold"));
		return { resource: name, from, to };
	}
	problems.push(problem("LTN3563", at.toString(), "the trigger has neither threshold nor scaled"));
	return undefined;
}
