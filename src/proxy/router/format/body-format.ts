import type { FieldPath } from "../../../lib/field-path.ts";
import type { SubstitutionFormatString } from "../../../xds/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import { compileLogFormat } from "../access-log/log-format.ts";
import type { ProblemList } from "../problem-list.ts";
import type { FormatContext, FormatEnvironment } from "./format-context.ts";

/** A body that a format string makes (`body_format` of direct responses and local replies). */
export interface BodyFormat {
	readonly contentType: string;
	format(ctx: FormatContext): string;
}

/** Compiles a `body_format`; its content type is text or JSON unless it says another one. */
export function compileBodyFormat(
	message: SubstitutionFormatString,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): BodyFormat {
	const usual = message.format.case === "jsonFormat" ? "application/json" : "text/plain";
	return {
		contentType: message.contentType || usual,
		format: compileLogFormat(message, env, at, problems),
	};
}
