import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { FileAccessLogSchema } from "../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.ts";
import {
	StderrAccessLogSchema,
	StdoutAccessLogSchema,
} from "../../../xds/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import type { FormatContext, FormatEnvironment } from "../format/format-context.ts";
import { ProblemList } from "../problem-list.ts";
import { compileLogFilter, type LogFilter } from "./log-filter.ts";
import { compileFileFormat, compileLogFormat, type LogFormat } from "./log-format.ts";

/** Where lines go. */
export type LogTarget = { readonly kind: "stdout" | "stderr" } | { readonly kind: "file"; readonly path: string };

export interface AccessLogDeps {
	readonly env: FormatEnvironment;
	readonly random: Random;
	/** Opens a place to write to; called once per configured log, only when the whole configuration is good. Lines hold header values as they came: see `textOfBytes`. */
	openSink(target: LogTarget): (line: string) => void;
	/** Compiles loggers that send entries to a service; undefined: the configuration is none of these. */
	compileService?(
		config: AccessLog["configType"]["value"],
		at: FieldPath,
		problems: ProblemList,
	): ((ctx: FormatContext) => void) | undefined;
}

/** One configured access log. */
export interface AccessLogger {
	/** Writes the line of a finished stream (or connection), unless the filter says no. */
	log(ctx: FormatContext): void;
}

type Destination =
	| { readonly target: LogTarget; readonly format: LogFormat }
	| { readonly target: undefined; readonly send: (ctx: FormatContext) => void };
type Parsed = Destination & { readonly filter: LogFilter };

/** Compiles `access_log` lists: file, stdout and stderr loggers. Throws ProblemError with everything that is wrong. */
export function compileAccessLogs(
	logs: readonly AccessLog[],
	deps: AccessLogDeps,
	at: FieldPath = fieldPath("access_log"),
): readonly AccessLogger[] {
	const problems = new ProblemList();
	const parsed = logs.map((log, i) => parseLog(log, deps, at.index(i), problems));
	problems.throwIfAny();
	return parsed.flatMap((log) => (log ? [openLogger(log, deps)] : []));
}

function parseLog(log: AccessLog, deps: AccessLogDeps, at: FieldPath, problems: ProblemList): Parsed | undefined {
	const filter = log.filter ? compileLogFilter(log.filter, deps.random, at.field("filter"), problems) : () => true;
	const destination = parseDestination(log, deps, at.field("typed_config"), problems);
	return destination && { ...destination, filter };
}

function parseDestination(
	log: AccessLog,
	deps: AccessLogDeps,
	at: FieldPath,
	problems: ProblemList,
): Destination | undefined {
	const { env } = deps;
	const file = unpackAs(log.configType.value, FileAccessLogSchema);
	if (file) return parseFile(file.path, compileFileFormat(file, env, at, problems), at, problems);
	const stdout = unpackAs(log.configType.value, StdoutAccessLogSchema);
	const stream = stdout ?? unpackAs(log.configType.value, StderrAccessLogSchema);
	if (stream) {
		const format = compileLogFormat(stream.accessLogFormat.value, env, at.field("log_format"), problems);
		return { target: { kind: stdout ? "stdout" : "stderr" }, format };
	}
	const send = deps.compileService?.(log.configType.value, at, problems);
	if (send) return { target: undefined, send };
	problems.notImplemented(at, `the access logger ${log.configType.value?.typeUrl || log.name}`);
	return undefined;
}

function parseFile(path: string, format: LogFormat, at: FieldPath, problems: ProblemList): Destination {
	if (path === "") problems.add("missing", at.field("path"), "the access log has no path");
	if (path === "/dev/stdout") return { target: { kind: "stdout" }, format };
	if (path === "/dev/stderr") return { target: { kind: "stderr" }, format };
	return { target: { kind: "file", path }, format };
}

function openLogger(parsed: Parsed, deps: AccessLogDeps): AccessLogger {
	const { filter } = parsed;
	const write = parsed.target ? lineWriter(parsed.format, deps.openSink(parsed.target)) : parsed.send;
	return {
		log(ctx) {
			if (filter(ctx)) write(ctx);
		},
	};
}

function lineWriter(format: LogFormat, write: (line: string) => void): (ctx: FormatContext) => void {
	return (ctx) => write(format(ctx));
}
