import {
	clone,
	create,
	type DescField,
	type DescMessage,
	fromBinary,
	type JsonValue,
	type Message,
	toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Cluster } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { RoutingPriority } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import {
	type WeightedCluster,
	WeightedClusterSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RouteConfigurationSchema } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import {
	FractionalPercent_DenominatorType,
	FractionalPercentSchema,
	PercentSchema,
} from "../../../xds/generated/envoy/type/v3/percent_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import type { Compilers } from "../config-applier.ts";
import type { RuntimeValues } from "./runtime-layers.ts";

type Values = RuntimeValues["values"];

const CORE = "envoy.config.core.v3";

/** Messages `{default_value, runtime_key}`: how a runtime value becomes their default; undefined when it is of no use. */
const DEFAULTS: Readonly<Record<string, (value: JsonValue) => unknown>> = {
	[`${CORE}.RuntimeUInt32`]: (value) => (isWhole(value) ? value : undefined),
	[`${CORE}.RuntimeDouble`]: (value) => (typeof value === "number" ? value : undefined),
	[`${CORE}.RuntimeFeatureFlag`]: (value) => (typeof value === "boolean" ? value : undefined),
	[`${CORE}.RuntimePercent`]: (value) =>
		typeof value === "number" ? reflect(PercentSchema, create(PercentSchema, { value })) : undefined,
	[`${CORE}.RuntimeFractionalPercent`]: fraction,
};

/**
 * The message with the runtime's values in the place of its defaults (Envoy: runtime). The layers are fixed while the process lives, so that
 * this is done once, before a message is compiled, and nothing behind it has to know of runtime.
 */
export function applyRuntime<M extends Message>(desc: DescMessage, message: M, { values }: RuntimeValues): M {
	if (values.size === 0) return message;
	const copy = clone(desc, message) as M;
	walk(reflect(desc, copy), values);
	if (desc.typeName === ClusterSchema.typeName) applyToCluster(copy as unknown as Cluster, values);
	return copy;
}

function walk(message: ReflectMessage, values: Values): void {
	const { desc } = message;
	if (desc.typeName === "google.protobuf.Any") {
		walkAny(message.message as Any, values);
		return;
	}
	if (desc.typeName.startsWith("google.protobuf.")) return;
	if (desc.typeName === WeightedClusterSchema.typeName) takeWeights(message.message as WeightedCluster, values);
	const toDefault = DEFAULTS[desc.typeName];
	if (toDefault) takeDefault(message, values, toDefault);
	else for (const child of children(message)) walk(child, values);
}

/** `<prefix>.<cluster>` is a weighted cluster's weight. */
function takeWeights({ runtimeKeyPrefix: prefix, clusters }: WeightedCluster, values: Values): void {
	if (prefix === "") return;
	for (const cluster of clusters) {
		const weight = values.get(`${prefix}.${cluster.name}`);
		if (weight !== undefined && isWhole(weight)) cluster.weight = weight;
	}
}

function takeDefault(message: ReflectMessage, values: Values, toDefault: (value: JsonValue) => unknown): void {
	const { runtimeKey = "" } = message.message as { readonly runtimeKey?: string };
	const value = values.get(runtimeKey);
	const wanted = value === undefined ? undefined : toDefault(value);
	if (wanted !== undefined) message.set(message.desc.fields.find(({ name }) => name === "default_value")!, wanted);
}

function children(message: ReflectMessage): ReflectMessage[] {
	return message.desc.fields.filter((field) => message.isSet(field)).flatMap((field) => messagesIn(message, field));
}

function messagesIn(message: ReflectMessage, field: DescField): ReflectMessage[] {
	if (field.fieldKind === "message") return [message.get(field)];
	if (field.fieldKind === "list" && field.listKind === "message") return [...message.get(field)] as ReflectMessage[];
	if (field.fieldKind === "map" && field.mapKind === "message")
		return [...message.get(field)].map(([, item]) => item as ReflectMessage);
	return [];
}

function walkAny(any: Any, values: Values): void {
	const desc = xdsRegistry().getMessage(typeNameOf(any.typeUrl));
	if (!desc) return;
	const inner = fromBinary(desc, any.value);
	walk(reflect(desc, inner), values);
	any.value = toBinary(desc, inner);
}

const DENOMINATORS: Readonly<Record<string, number>> = FractionalPercent_DenominatorType;

/** A number is a percentage; a struct is the message itself. */
function fraction(value: JsonValue): unknown {
	const make = (numerator: number, denominator: number) =>
		reflect(
			FractionalPercentSchema,
			create(FractionalPercentSchema, { numerator, denominator: denominator as FractionalPercent_DenominatorType }),
		);
	if (isWhole(value)) return make(value, FractionalPercent_DenominatorType.HUNDRED);
	if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
	const { numerator = 0, denominator = "HUNDRED" } = value;
	const unit = DENOMINATORS[String(denominator)];
	return isWhole(numerator) && unit !== undefined ? make(numerator, unit) : undefined;
}

function isWhole(value: JsonValue): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

const LIMITS = {
	max_connections: "maxConnections",
	max_pending_requests: "maxPendingRequests",
	max_requests: "maxRequests",
	max_retries: "maxRetries",
} as const;

/** Keys that Envoy looks up by a cluster's name: `circuit_breakers.<cluster>.<priority>.<limit>`, and the panic threshold of all clusters. */
function applyToCluster(cluster: Cluster, values: Values): void {
	for (const threshold of cluster.circuitBreakers?.thresholds ?? []) {
		const priority = threshold.priority === RoutingPriority.HIGH ? "high" : "default";
		for (const [name, field] of Object.entries(LIMITS)) {
			const value = values.get(`circuit_breakers.${cluster.name}.${priority}.${name}`);
			if (value !== undefined && isWhole(value)) threshold[field] = value;
		}
	}
	const panic = values.get("upstream.healthy_panic_threshold");
	const configured = cluster.commonLbConfig?.healthyPanicThreshold;
	if (configured && typeof panic === "number") configured.value = panic;
}

/** Compilers that see every message with the runtime's values in it. */
export function compilersWithRuntime<L, R>(compilers: Compilers<L, R>, runtime: () => RuntimeValues): Compilers<L, R> {
	return {
		...compilers,
		cluster: (message, path) => compilers.cluster(applyRuntime(ClusterSchema, message, runtime()), path),
		listener: (message, path) => compilers.listener(applyRuntime(ListenerSchema, message, runtime()), path),
		routes: (message, path) => compilers.routes(applyRuntime(RouteConfigurationSchema, message, runtime()), path),
	};
}
