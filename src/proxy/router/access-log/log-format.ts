import type { FieldPath } from "../../../lib/field-path.ts";
import type { DataSource } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { SubstitutionFormatString } from "../../../xds/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import type { FileAccessLog } from "../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import type { FormatContext, FormatEnvironment } from "../format/format-context.ts";
import { compileJsonFormat } from "../format/json-format.ts";
import { compileTextFormat } from "../format/text-format.ts";
import type { ProblemList } from "../problem-list.ts";

/** One log line, line end included. */
export type LogFormat = (ctx: FormatContext) => string;

/** What Envoy writes when no format is set. */
export const ENVOY_DEFAULT_FORMAT =
	'[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
	"%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " +
	'"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** Formatter extensions whose operators are always there. */
const BUILT_IN_FORMATTERS = new Set([
	"envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery",
	"envoy.extensions.formatter.metadata.v3.Metadata",
	"envoy.extensions.formatter.cel.v3.Cel",
]);

/** Compiles a `log_format`; Envoy's default when it is not set. */
export function compileLogFormat(
	message: SubstitutionFormatString | undefined,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): LogFormat {
	const text = (format: string, missing: "-" | "", textAt: FieldPath): LogFormat => {
		const compiled = compileTextFormat(format, { env, missing }, textAt, problems);
		return (ctx) => compiled.format(ctx);
	};
	if (!message) return text(ENVOY_DEFAULT_FORMAT, "-", at);
	checkFormatters(message.formatters, at.field("formatters"), problems);
	const missing = message.omitEmptyValues ? "" : "-";
	const { format } = message;
	switch (format.case) {
		case "textFormat":
			return text(format.value, missing, at.field("text_format"));
		case "textFormatSource": {
			const { specifier } = format.value;
			if (specifier.case === "inlineString")
				return text(specifier.value, missing, at.field("text_format_source").field("inline_string"));
			if (specifier.case === "inlineBytes")
				return text(
					new TextDecoder().decode(specifier.value),
					missing,
					at.field("text_format_source").field("inline_bytes"),
				);
			return text(
				readSource(specifier, env, at.field("text_format_source"), problems),
				missing,
				at.field("text_format_source"),
			);
		}
		case "jsonFormat": {
			const options = { env, omitEmpty: message.omitEmptyValues };
			const json = compileJsonFormat(format.value, options, at.field("json_format"), problems);
			return (ctx) => `${json(ctx)}\n`;
		}
		default:
			problems.add("missing", at, "the log format is empty", "set text_format_source or json_format");
			return () => "";
	}
}

function readSource(
	specifier: DataSource["specifier"],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): string {
	if (specifier.case === "environmentVariable") return env.environment(specifier.value) ?? "";
	const content = specifier.case === "filename" ? env.readFile?.(specifier.value) : undefined;
	if (typeof content === "object") return new TextDecoder().decode(content);
	problems.add("invalid", at, content ?? "files cannot be read here");
	return "";
}

/** Formatters bring operators, all of which are there without them; others are refused. */
export function checkFormatters(
	formatters: readonly TypedExtensionConfig[],
	at: FieldPath,
	problems: ProblemList,
): void {
	formatters.forEach((formatter, i) => {
		const type = typeNameOf(formatter.typedConfig?.typeUrl ?? "");
		if (!BUILT_IN_FORMATTERS.has(type)) problems.notImplemented(at.index(i), `the formatter ${formatter.name || type}`);
	});
}

/** Compiles the format of a FileAccessLog, which has older spellings besides `log_format`. */
export function compileFileFormat(
	file: FileAccessLog,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): LogFormat {
	const { accessLogFormat: spec } = file;
	switch (spec.case) {
		case "format": {
			const format = compileTextFormat(
				spec.value || ENVOY_DEFAULT_FORMAT,
				{ env, missing: "-" },
				at.field("format"),
				problems,
			);
			return (ctx) => format.format(ctx);
		}
		case "jsonFormat":
		case "typedJsonFormat": {
			const field = spec.case === "jsonFormat" ? "json_format" : "typed_json_format";
			const json = compileJsonFormat(spec.value, { env, omitEmpty: false }, at.field(field), problems);
			return (ctx) => `${json(ctx)}\n`;
		}
		default:
			return compileLogFormat(spec.value, env, at.field("log_format"), problems);
	}
}
