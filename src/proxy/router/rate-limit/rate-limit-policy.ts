import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	RateLimit_HitsAddend as HitsAddend,
	RateLimit_Override as Override,
	RateLimit,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RateLimit_XRateLimitOption as HeaderOption } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RateLimitUnit } from "../../../xds/generated/envoy/type/v3/ratelimit_unit_pb.ts";
import { compileTextFormat } from "../format/text-format.ts";
import { valueAtPath } from "../match/value-matcher.ts";
import type { DescriptorContext, DescriptorEntry, LimitOverride, RateLimitDescriptor } from "./descriptor.ts";
import { type ActionScope, compileDescriptorAction, type DescriptorAction, metadataPath } from "./descriptor-action.ts";

const MAX_STAGE = 10;
const MAX_HITS = 1_000_000_000;

/** The `rate_limits` of one place, compiled. */
export interface RateLimitPolicy {
	readonly empty: boolean;
	/** Adds the descriptors of one stage that this request has. */
	describe(stage: number, ctx: DescriptorContext, into: RateLimitDescriptor[]): void;
}

/** Policies of a route and of its virtual host. */
export interface RouteRateLimits {
	readonly route: RateLimitPolicy;
	readonly virtualHost: RateLimitPolicy;
	/** The virtual host's count beside the route's own (`include_vh_rate_limits`). */
	readonly includeVirtualHost: boolean;
}

export const NO_RATE_LIMITS: RateLimitPolicy = { empty: true, describe: () => undefined };

/**
 * Compiles `rate_limits`. A `disable_key` names a runtime switch, and there is no runtime layer: the limit is in force. As in Envoy, hits
 * and headers are for limits that a filter carries itself (`place`): those of routes and virtual hosts count one hit.
 */
export function compileRateLimits(
	messages: readonly RateLimit[],
	at: FieldPath,
	scope: ActionScope,
	place: "filter" | "route",
): RateLimitPolicy {
	if (messages.length === 0) return NO_RATE_LIMITS;
	const limits = messages.map((message, i) => compileLimit(message, at.index(i), scope, place));
	return {
		empty: false,
		describe(stage, ctx, into) {
			for (const limit of limits) {
				const descriptor = limit.stage === stage ? limit.describe(ctx) : undefined;
				if (descriptor) into.push(descriptor);
			}
		},
	};
}

interface Limit {
	readonly stage: number;
	describe(ctx: DescriptorContext): RateLimitDescriptor | undefined;
}

function compileLimit(message: RateLimit, at: FieldPath, scope: ActionScope, place: "filter" | "route"): Limit {
	const { problems } = scope;
	const stage = message.stage ?? 0;
	if (stage > MAX_STAGE) problems.add("invalid", at.field("stage"), `a stage is at most ${MAX_STAGE}`);
	if (message.actions.length === 0) problems.add("missing", at.field("actions"), "the rate limit has no actions");
	const actions = message.actions.map((action, i) =>
		compileDescriptorAction(action, at.field("actions").index(i), scope),
	);
	const limitOf = compileOverride(message.limit, at.field("limit"), scope);
	const hitsOf = compileHits(message.hitsAddend, at.field("hits_addend"), scope);
	const negativeHits = message.hitsAddend?.isNegativeHits ?? false;
	const headers = HEADERS[message.xRatelimitOption];
	return {
		stage,
		describe(ctx) {
			const entries = entriesOf(actions, ctx);
			const hits = entries && place === "filter" ? hitsOf(ctx) : undefined;
			if (!entries || hits === "invalid") return undefined;
			const limit = limitOf(ctx);
			if (place === "route") return { entries, limit, hitsAddend: undefined, negativeHits: false, headers: undefined };
			return { entries, limit, hitsAddend: hits, negativeHits, headers };
		},
	};
}

const HEADERS: Readonly<Record<number, boolean | undefined>> = {
	[HeaderOption.OFF]: false,
	[HeaderOption.DRAFT_VERSION_03]: true,
};

function entriesOf(actions: readonly DescriptorAction[], ctx: DescriptorContext): DescriptorEntry[] | undefined {
	const entries: DescriptorEntry[] = [];
	for (const action of actions) {
		const entry = action(ctx);
		if (entry === undefined) return undefined;
		if (entry !== "skip") entries.push(entry);
	}
	return entries;
}

type LimitOf = (ctx: DescriptorContext) => LimitOverride | undefined;

function compileOverride(override: Override | undefined, at: FieldPath, { problems }: ActionScope): LimitOf {
	const spec = override?.overrideSpecifier;
	if (!override) return () => undefined;
	if (spec?.case === "rateLimit") {
		const limit = { requestsPerUnit: spec.value.requestsPerUnit, unit: spec.value.unit };
		return () => limit;
	}
	if (spec?.case !== "dynamicMetadata") {
		problems.add("missing", at, "the limit says nothing");
		return () => undefined;
	}
	const { namespace, keys } = metadataPath(spec.value.metadataKey);
	return ({ info }) => overrideFrom(valueAtPath(info.dynamicMetadata.get(namespace), keys));
}

/** `{requests_per_unit: 10, unit: "MINUTE"}`; anything else leaves the service's own limit. */
function overrideFrom(value: unknown): LimitOverride | undefined {
	const requestsPerUnit = valueAtPath(value, ["requests_per_unit"]);
	const name = valueAtPath(value, ["unit"]);
	if (typeof requestsPerUnit !== "number" || typeof name !== "string") return undefined;
	const unit = Object.hasOwn(RateLimitUnit, name) ? RateLimitUnit[name as keyof typeof RateLimitUnit] : undefined;
	return unit === undefined ? undefined : { requestsPerUnit: Math.floor(requestsPerUnit), unit };
}

type HitsOf = (ctx: DescriptorContext) => number | undefined | "invalid";

/** A number, or a format that must yield one: without, the request has no such descriptor. */
function compileHits(message: HitsAddend | undefined, at: FieldPath, { env, problems }: ActionScope): HitsOf {
	if (!message) return () => undefined;
	if (message.format === "") {
		const hits = message.number === undefined ? undefined : Number(message.number);
		if (hits !== undefined && hits > MAX_HITS) problems.add("invalid", at.field("number"), `at most ${MAX_HITS}`);
		return () => hits;
	}
	if (message.number !== undefined) problems.add("invalid", at, "number and format exclude each other");
	if (!/^%.*%$/s.test(message.format)) problems.add("invalid", at.field("format"), "the format must be one operator");
	const format = compileTextFormat(message.format, { env, missing: "" }, at.field("format"), problems);
	return (ctx) => {
		const value = format.value(ctx);
		const hits = typeof value === "number" ? value : /^\d+$/.test(String(value ?? "")) ? Number(value) : Number.NaN;
		return hits >= 0 && hits <= MAX_HITS ? Math.floor(hits) : "invalid";
	};
}
