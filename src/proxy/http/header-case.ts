import type { FieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Http1ProtocolOptions } from "../../xds/generated/envoy/config/core/v3/protocol_pb.ts";
import { PreserveCaseFormatterConfigSchema } from "../../xds/generated/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts";

/** How names of fields are written over HTTP/1 (`header_key_format`): in lower case, Like-This, or as they came. */
export type HeaderCase = "lower" | "proper" | "preserve";

/** Reads `header_key_format`; `at`: of the HTTP/1 options. */
export function parseHeaderCase(
	options: Http1ProtocolOptions | undefined,
	at: FieldPath,
	problems: Problem[],
): HeaderCase {
	const format = options?.headerKeyFormat?.headerFormat;
	if (!format || format.case === undefined) return "lower";
	if (format.case === "properCaseWords") return "proper";
	if (unpackAs(format.value.typedConfig, PreserveCaseFormatterConfigSchema)) return "preserve";
	const where = at.field("header_key_format").field("stateful_formatter").toString();
	const what = `the header formatter ${format.value.name} is not implemented by this proxy`;
	problems.push(problem("LTN3161", where, what, "use envoy.http.stateful_header_formatters.preserve_case"));
	return "lower";
}
