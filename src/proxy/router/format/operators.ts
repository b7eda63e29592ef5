import { fieldPath } from "../../../lib/field-path.ts";
import { grpcStatusOfHttp, isGrpc } from "../../http/grpc-status.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { ResponseFlag } from "../../http/message.ts";
import { compileCel } from "../cel/cel-program.ts";
import { firstRequestHeader, responseHeader } from "../match/request-header.ts";
import { ProblemList } from "../problem-list.ts";
import { addressOperator, splitAddress } from "./address-operators.ts";
import { attemptOperator } from "./attempt-operators.ts";
import { byteOperator } from "./byte-operators.ts";
import { durationOperator } from "./duration-operators.ts";
import {
	type FormatContext,
	type FormatEnvironment,
	type FormatOperator,
	type FormatValue,
	OperatorError,
} from "./format-context.ts";
import { grpcStatusOf } from "./grpc-status-of.ts";
import { LONG_FLAGS } from "./long-flags.ts";
import { metadataOperator } from "./metadata-operators.ts";
import { checkSyntax } from "./operator-syntax.ts";
import { requestOperator } from "./request-operators.ts";
import { serverNameOperator } from "./server-name-operator.ts";
import { compileTimeFormat, isoTime, localTimeFormat } from "./time-format.ts";
import { tlsOperator } from "./tls-operators.ts";

interface Parameters {
	/** Text between the parentheses; undefined without them. */
	readonly text: string | undefined;
	readonly env: FormatEnvironment;
}

type Build = (parameters: Parameters) => FormatOperator;

const WHITESPACE = /\s+/g;
const BLANK = /\s/;
const underscored = (text: string) => {
	if (text === "") return undefined;
	return BLANK.test(text) ? text.replace(WHITESPACE, "_") : text;
};
const orMissing = (text: string | undefined) => (text === "" ? undefined : text);
const field =
	(read: (ctx: FormatContext) => FormatValue): Build =>
	() =>
		read;

const REQUEST_HEADER = headerOperator((ctx, name) => ctx.request && firstRequestHeader(ctx.request, name));
const RESPONSE_HEADER = headerOperator((ctx, name) => {
	if (!ctx.response) return undefined;
	return name === ":status" ? responseHeader(ctx.response, name) : ctx.response.headers.get(name);
});
const RESPONSE_TRAILER = headerOperator((ctx, name) => ctx.trailers?.get(name));
/** What no part of this proxy finds out. */
const UNKNOWN = field(() => undefined);

/** Operator name → how to build it (Envoy: access logging, command operators). */
const OPERATORS: Readonly<Record<string, Build>> = {
	START_TIME: startTime,
	START_TIME_LOCAL: ({ text }) => {
		const format = localTimeFormat(text ?? "");
		return (ctx) => format(ctx.info.startEpochMs);
	},
	REQ: REQUEST_HEADER,
	REQUEST_HEADER,
	STREAM_INFO_REQ: REQUEST_HEADER,
	REQ_WITHOUT_QUERY: headerOperator((ctx, name) => {
		const value = ctx.request && firstRequestHeader(ctx.request, name);
		return value?.split("?", 1)[0];
	}),
	RESP: RESPONSE_HEADER,
	RESPONSE_HEADER,
	TRAILER: RESPONSE_TRAILER,
	RESPONSE_TRAILER,
	PROTOCOL: field((ctx) => ctx.info.protocol),
	RESPONSE_CODE: field((ctx) => ctx.info.responseCode),
	RESPONSE_CODE_DETAILS: ({ text }) =>
		text === "ALLOW_WHITESPACES"
			? (ctx) => orMissing(ctx.info.responseCodeDetails)
			: (ctx) => underscored(ctx.info.responseCodeDetails),
	RESPONSE_FLAGS_LONG: field((ctx) => formatLongFlags(ctx.info.responseFlags)),
	UPSTREAM_PROTOCOL: field((ctx) => ctx.info.upstreamProtocol),
	UPSTREAM_HOST_NAME: field((ctx) => orMissing(ctx.info.upstreamEndpoint?.hostname ?? "") ?? ctx.info.upstreamHost),
	UPSTREAM_HOST_NAME_WITHOUT_PORT: field(
		(ctx) => orMissing(ctx.info.upstreamEndpoint?.hostname ?? "") ?? splitAddress(ctx.info.upstreamHost)?.ip,
	),
	EMIT_TIME: emitTime,
	EMIT_TIME_LOCAL: ({ text, env }) => {
		const format = localTimeFormat(text ?? "");
		return ({ info }) => format(info.startEpochMs + env.nowMs() - info.startMs);
	},
	STREAM_ID: field((ctx) => ctx.info.requestId),
	UNIQUE_ID: ({ env }) => {
		return () => env.uuid?.();
	},
	TRACE_ID: field((ctx) => ctx.info.trace?.traceId),
	SPAN_ID: field((ctx) => ctx.info.trace?.spanId),
	CEL: ({ text }) => celOperator(text!, false),
	TYPED_CEL: ({ text }) => celOperator(text!, true),
	CUSTOM_FLAGS: field(() => ""),
	LISTENER_NAME: field((ctx) => ctx.info.connection?.listener?.name),
	DOWNSTREAM_CX_RTT: UNKNOWN,
	// Which side reset a connection is not kept.
	DOWNSTREAM_DETECTED_CLOSE_TYPE: field(() => "Normal"),
	DOWNSTREAM_HANDSHAKE_DURATION: UNKNOWN,
	DOWNSTREAM_TLS_GROUP: UNKNOWN,
	UPSTREAM_TLS_GROUP: UNKNOWN,
	UPSTREAM_DETECTED_CLOSE_TYPE: field((ctx) => (ctx.info.upstreamHost === undefined ? undefined : "Normal")),
	UPSTREAM_LOCAL_CLOSE_REASON: UNKNOWN,
	UPSTREAM_SERVER_NAME: field((ctx) => ctx.info.upstreamTls?.sni),
	ROUTE_RESOLUTION_COUNT: field((ctx) => ctx.info.routeResolutions ?? 0),
	ROUTE_RESOLUTION_TIME_US: ({ env }) => {
		if (env.metering) env.metering.wanted = true;
		return ({ info }) => (info.routeResolutions ? Math.round((info.routeResolutionMs ?? 0) * 1000) : undefined);
	},
	TLS_JA3_FINGERPRINT: UNKNOWN,
	TLS_JA4_FINGERPRINT: UNKNOWN,
	// There are no virtual clusters: a configuration with one is refused.
	VIRTUAL_CLUSTER_NAME: field((ctx) => ctx.info.virtualCluster),
	RESPONSE_FLAGS: field((ctx) => formatFlags(ctx.info)),
	CONNECTION_TERMINATION_DETAILS: field((ctx) => orMissing(ctx.info.connectionTerminationDetails)),
	UPSTREAM_TRANSPORT_FAILURE_REASON: field((ctx) => underscored(ctx.info.upstreamTransportFailureReason)),
	LOCAL_REPLY_BODY: field((ctx) => ctx.localReplyBody ?? ""),
	BYTES_RECEIVED: field((ctx) => ctx.info.bytesReceived),
	BYTES_SENT: field((ctx) => ctx.info.bytesSent),
	UPSTREAM_CLUSTER: field((ctx) => ctx.info.upstreamCluster),
	UPSTREAM_CLUSTER_RAW: field((ctx) => ctx.info.upstreamCluster),
	UPSTREAM_REQUEST_ATTEMPT_COUNT: field((ctx) => ctx.info.attemptCount),
	REQUESTED_SERVER_NAME: ({ text }) => serverNameOperator(text ?? ""),
	FILTER_CHAIN_NAME: field((ctx) => orMissing(ctx.info.connection?.filterChainName ?? "")),
	CONNECTION_ID: field((ctx) => ctx.info.connection?.id),
	DOWNSTREAM_TRANSPORT_FAILURE_REASON: field((ctx) => underscored(ctx.info.connection?.transportFailure ?? "")),
	DOWNSTREAM_LOCAL_CLOSE_REASON: field((ctx) => underscored(ctx.info.connection?.localCloseReason ?? "")),
	ACCESS_LOG_TYPE: field((ctx) => ctx.accessLogType ?? "DownstreamEnd"),
	ROUTE_NAME: field((ctx) => orMissing(ctx.info.routeName)),
	GRPC_STATUS: ({ text }) => grpcStatus(text ?? "CAMEL_STRING"),
	GRPC_STATUS_NUMBER: () => grpcStatus("NUMBER"),
	HOSTNAME: ({ env }) => {
		return () => orMissing(env.hostname);
	},
	ENVIRONMENT: ({ text, env }) => {
		if (!text) throw new OperatorError("%ENVIRONMENT% needs a variable name: %ENVIRONMENT(NAME)%");
		const value = orMissing(env.environment(text)) ?? "-";
		return () => value;
	},
};

/** Compiles one operator; throws OperatorError when there is none of that name or its parameters are wrong. */
export function compileOperator(
	name: string,
	text: string | undefined,
	env: FormatEnvironment,
	hasLength = false,
): FormatOperator {
	checkSyntax(name, text, hasLength);
	if (name === "COALESCE") return coalesce(text!, env);
	const found =
		addressOperator(name, text) ??
		attemptOperator(name, env) ??
		metadataOperator(name, text, env) ??
		tlsOperator(name, text) ??
		durationOperator(name, text, env) ??
		byteOperator(name, env) ??
		requestOperator(name, text);
	if (found) return found;
	if (!Object.hasOwn(OPERATORS, name)) throw new OperatorError(`the operator %${name}% is not known to this proxy`);
	return OPERATORS[name]!({ text, env });
}

function formatFlags(info: StreamInfo): string {
	if (info.hasResponseFlags === false || info.responseFlags.size === 0) return "-";
	return [...info.responseFlags].join(",");
}

function formatLongFlags(flags: ReadonlySet<ResponseFlag>): string {
	if (flags.size === 0) return "-";
	return [...flags].map((flag) => LONG_FLAGS[flag]).join(",");
}

function emitTime({ text, env }: Parameters): FormatOperator {
	const compiled = text ? compileTimeFormat(text) : undefined;
	return ({ info }) => {
		const epochMs = info.startEpochMs + env.nowMs() - info.startMs;
		return compiled ? compiled(epochMs) : isoTime(epochMs);
	};
}

function startTime({ text }: Parameters): FormatOperator {
	if (!text) return (ctx) => isoTime(ctx.info.startEpochMs);
	const format = compileTimeFormat(text);
	return (ctx) => format(ctx.info.startEpochMs);
}

/** `X` or `X?Y`: Y when X is not there. */
function headerOperator(read: (ctx: FormatContext, name: string) => string | undefined): Build {
	return ({ text }) => {
		if (!text) throw new OperatorError("a header operator needs a header name in parentheses");
		const names = text.toLowerCase().split("?");
		if (names.length > 2) throw new OperatorError(`"${text}" names more than one alternative header`);
		const [main, alternative] = names as [string, string | undefined];
		if (alternative === undefined) return (ctx) => read(ctx, main);
		return (ctx) => read(ctx, main) ?? read(ctx, alternative);
	};
}

const GRPC_NAMES = [
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
];

/** The outcome of a gRPC call; without one, what the HTTP status means. */
function callStatus(ctx: FormatContext): number | undefined {
	if (!isGrpc(ctx.request?.headers.get("content-type"))) return undefined;
	return grpcStatusOf(ctx) ?? (ctx.info.responseCode > 0 ? grpcStatusOfHttp(ctx.info.responseCode) : undefined);
}

function grpcStatus(form: string): FormatOperator {
	if (form === "NUMBER") return callStatus;
	if (form !== "CAMEL_STRING" && form !== "SNAKE_STRING")
		throw new OperatorError(`"${form}" is no form of %GRPC_STATUS%: CAMEL_STRING, SNAKE_STRING or NUMBER`);
	return (ctx) => {
		const status = callStatus(ctx);
		if (status === undefined) return undefined;
		const camel = GRPC_NAMES[status] ?? String(status);
		return form === "CAMEL_STRING" ? camel : camel.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
	};
}

/** The first of several operators that shows something; their list is JSON (Envoy: %COALESCE%). */
function coalesce(text: string, env: FormatEnvironment): FormatOperator {
	const operators = operatorsIn(text).map((entry, i) => {
		const { command, param, max_length: length } = typeof entry === "string" ? { command: entry } : (entry as Entry);
		if (typeof command !== "string" || command === "COALESCE")
			throw new OperatorError(`%COALESCE%: the operator at index ${i} has no command that is known here`);
		if (param !== undefined && typeof param !== "string")
			throw new OperatorError(`%COALESCE%: "param" of the operator at index ${i} is no text`);
		if (length !== undefined && !(Number.isInteger(length) && (length as number) > 0))
			throw new OperatorError(`%COALESCE%: "max_length" of the operator at index ${i} is no number above 0`);
		return { read: compileOperator(command, param, env, length !== undefined), length: length as number | undefined };
	});
	return (ctx) => {
		for (const { read, length } of operators) {
			const value = read(ctx);
			if (value === undefined || value === "") continue;
			return length !== undefined && typeof value === "string" ? value.slice(0, length) : value;
		}
		return undefined;
	};
}

interface Entry {
	readonly command?: unknown;
	readonly param?: unknown;
	readonly max_length?: unknown;
}

function operatorsIn(text: string): readonly unknown[] {
	let config: unknown;
	try {
		config = JSON.parse(text);
	} catch (error) {
		throw new OperatorError(`%COALESCE% needs JSON: ${(error as Error).message}`);
	}
	const operators =
		typeof config === "object" && config !== null ? (config as { operators?: unknown }).operators : undefined;
	if (!Array.isArray(operators) || operators.length === 0)
		throw new OperatorError("%COALESCE% needs a list of operators that is not empty");
	return operators.map((entry: unknown) => (entry === null ? {} : entry));
}

/** The value of an expression; %CEL% makes a text of it, %TYPED_CEL% keeps its type where types are kept. */
function celOperator(text: string, typed: boolean): FormatOperator {
	const problems = new ProblemList();
	const program = compileCel(text, fieldPath(""), problems);
	const [wrong] = problems.problems;
	if (wrong) throw new OperatorError(wrong.message);
	return (ctx) => {
		const value = program(ctx);
		if (value === undefined || value === null) return undefined;
		if (typeof value === "object") return typed ? value : JSON.stringify(value);
		return typed ? (value as FormatValue) : String(value);
	};
}
