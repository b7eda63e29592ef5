import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import { unpackAs } from "../../../xds/any.ts";
import type {
	AccessLogFilter,
	ComparisonFilter,
	GrpcStatusFilter,
} from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { AccessLogType } from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import { ExpressionFilterSchema } from "../../../xds/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts";
import { grpcStatusOfHttp } from "../../http/grpc-status.ts";
import { compileCel } from "../cel/cel-program.ts";
import type { FormatContext } from "../format/format-context.ts";
import { grpcStatusOf } from "../format/grpc-status-of.ts";
import { perMillion } from "../match/fraction.ts";
import { compileHeaderMatcher, testRequestHeader } from "../match/header-matcher.ts";
import { compileMetadataMatcher, valueAtPath } from "../match/value-matcher.ts";
import type { ProblemList } from "../problem-list.ts";

/** True when the stream is to be logged. */
export type LogFilter = (ctx: FormatContext) => boolean;

const COMPARE: readonly ((a: number, b: number) => boolean)[] = [
	(a, b) => a === b,
	(a, b) => a >= b,
	(a, b) => a <= b,
	(a, b) => a !== b,
];

type Spec = AccessLogFilter["filterSpecifier"];
type Compile<C> = (value: Extract<Spec, { case: C }>["value"], on: FilterScope) => LogFilter;
type CompileTable = { readonly [C in NonNullable<Spec["case"]>]?: Compile<C> };

interface FilterScope {
	readonly random: Random;
	readonly at: FieldPath;
	readonly problems: ProblemList;
}

/** Filter kind → how to compile it; kinds that are not here are refused. */
const FILTERS: CompileTable = {
	statusCodeFilter: ({ comparison }, on) => compare(comparison, on, (ctx) => ctx.info.responseCode),
	durationFilter: ({ comparison }, on) => compare(comparison, on, (ctx) => ctx.info.durationMs ?? 0),
	traceableFilter: () => isForced,
	logTypeFilter: ({ types, exclude }) => {
		const wanted = new Set<string>(Object.keys(AccessLogType).filter((name) => types.includes(typeNumber(name))));
		return (ctx) => wanted.has(ctx.accessLogType ?? "DownstreamEnd") !== exclude;
	},
	extensionFilter: (extension, { at, problems }) => {
		const { configType } = extension;
		const cel = unpackAs(configType.value, ExpressionFilterSchema);
		if (!cel) {
			problems.notImplemented(at, `the access log filter ${configType.value?.typeUrl || extension.name}`);
			return () => false;
		}
		const program = compileCel(cel.expression, at.field("typed_config").field("expression"), problems);
		return (ctx) => program(ctx) === true;
	},
	notHealthCheckFilter: () => (ctx) => !ctx.info.healthCheck,
	runtimeFilter: ({ percentSampled }, { random }) => {
		const share = perMillion(percentSampled, 0);
		return () => random.below(1_000_000) < share;
	},
	andFilter: ({ filters }, on) => {
		const tests = compileAll(filters, on);
		return (ctx) => tests.every((test) => test(ctx));
	},
	orFilter: ({ filters }, on) => {
		const tests = compileAll(filters, on);
		return (ctx) => tests.some((test) => test(ctx));
	},
	headerFilter: ({ header }, { at, problems }) => {
		if (!header) {
			problems.add("missing", at.field("header"), "the filter has no header matcher");
			return () => false;
		}
		const matcher = compileHeaderMatcher(header, at.field("header"), problems);
		return ({ request }) => request !== undefined && testRequestHeader(matcher, request);
	},
	responseFlagFilter: ({ flags }) => {
		const wanted = new Set(flags);
		return ({ info }) =>
			wanted.size === 0 ? info.responseFlags.size > 0 : [...info.responseFlags].some((flag) => wanted.has(flag));
	},
	grpcStatusFilter: (filter) => compileGrpcFilter(filter),
	metadataFilter: ({ matcher, matchIfKeyNotFound = true }, { at, problems }) => {
		if (!matcher) return () => matchIfKeyNotFound;
		const test = compileMetadataMatcher(matcher, at.field("matcher"), problems);
		const path = matcher.path.map(({ segment }) => segment.value ?? "");
		return ({ info }) => {
			const lookup = (namespace: string) => info.dynamicMetadata.get(namespace);
			return valueAtPath(lookup(matcher.filter), path) === undefined ? matchIfKeyNotFound : test(lookup);
		};
	},
};

const typeNumber = (name: string): AccessLogType => AccessLogType[name as keyof typeof AccessLogType];

/** Character 14 of a request id that says why it is traced, as the request id extension writes it: a service asked for it. */
const SERVICE_FORCED = "a";

/** Envoy: only requests that somebody has asked to trace, no samples. */
function isForced({ info }: FormatContext): boolean {
	return info.requestId?.charAt(14) === SERVICE_FORCED && !info.healthCheck;
}

/** Compiles an access log filter. */
export function compileLogFilter(
	message: AccessLogFilter,
	random: Random,
	at: FieldPath,
	problems: ProblemList,
): LogFilter {
	const { filterSpecifier: spec } = message;
	if (spec.case === undefined) {
		problems.add("missing", at, "the filter has no specifier");
		return () => false;
	}
	const compile = FILTERS[spec.case] as ((value: unknown, on: FilterScope) => LogFilter) | undefined;
	const field = snakeCase(spec.case);
	if (!compile) {
		problems.notImplemented(at.field(field), `the access log filter ${field}`);
		return () => false;
	}
	return compile(spec.value, { random, at: at.field(field), problems });
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function compileAll(filters: readonly AccessLogFilter[], on: FilterScope): LogFilter[] {
	return filters.map((filter, i) => compileLogFilter(filter, on.random, on.at.field("filters").index(i), on.problems));
}

function compare(
	comparison: ComparisonFilter | undefined,
	{ at, problems }: FilterScope,
	read: (ctx: FormatContext) => number,
): LogFilter {
	const test = COMPARE[comparison?.op ?? 0];
	if (!comparison || !test) {
		problems.add("missing", at.field("comparison"), "the filter has no comparison");
		return () => false;
	}
	const bound = comparison.value?.defaultValue ?? 0;
	return (ctx) => test(read(ctx), bound);
}

function compileGrpcFilter({ statuses, exclude }: GrpcStatusFilter): LogFilter {
	const wanted = new Set<number>(statuses);
	return (ctx) => {
		// A response without a status counts by what its HTTP status maps to (gRPC over HTTP/2).
		const status = grpcStatusOf(ctx) ?? grpcStatusOfHttp(ctx.info.responseCode);
		return wanted.has(status) !== exclude;
	};
}
