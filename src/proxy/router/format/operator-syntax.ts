import { OperatorError } from "./format-context.ts";

/** Parameters and `:length` that an operator takes; all others are names and nothing else (Envoy: CommandSyntaxChecker). */
interface Syntax {
	readonly parameters: "optional" | "required";
	readonly length: boolean;
}

const REQUIRED: Syntax = { parameters: "required", length: false };
const REQUIRED_LENGTH: Syntax = { parameters: "required", length: true };
const OPTIONAL: Syntax = { parameters: "optional", length: false };
const OPTIONAL_LENGTH: Syntax = { parameters: "optional", length: true };

const SYNTAX: ReadonlyMap<string, Syntax> = new Map([
	...["REQ", "REQUEST_HEADER", "RESP", "RESPONSE_HEADER", "TRAILER", "RESPONSE_TRAILER", "STREAM_INFO_REQ", "CEL"].map(
		(name) => [name, REQUIRED_LENGTH] as const,
	),
	...["TYPED_CEL", "DYNAMIC_METADATA", "ENVIRONMENT", "FILTER_STATE", "UPSTREAM_FILTER_STATE", "QUERY_PARAM"].map(
		(name) => [name, REQUIRED_LENGTH] as const,
	),
	...["COALESCE", "REQ_WITHOUT_QUERY"].map((name) => [name, REQUIRED_LENGTH] as const),
	...["CLUSTER_METADATA", "UPSTREAM_METADATA", "COMMON_DURATION"].map((name) => [name, REQUIRED] as const),
	...["PATH", "QUERY_PARAMS", "METADATA"].map((name) => [name, OPTIONAL_LENGTH] as const),
	...["START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "EMIT_TIME_LOCAL", "RESPONSE_CODE_DETAILS", "GRPC_STATUS"].map(
		(name) => [name, OPTIONAL] as const,
	),
	...["REQUESTED_SERVER_NAME"].map((name) => [name, OPTIONAL] as const),
]);

const ADDRESS_OR_TIME = /_(?:ADDRESS_WITHOUT_PORT|CERT_V_START|CERT_V_END)$/;

/** Throws OperatorError when the operator of that name does not take such parameters or a length. */
export function checkSyntax(name: string, text: string | undefined, hasLength: boolean): void {
	const syntax = SYNTAX.get(name) ?? (ADDRESS_OR_TIME.test(name) ? OPTIONAL : undefined);
	const given = text !== undefined && text !== "";
	if (!syntax) {
		if (given || hasLength) throw new OperatorError(`%${name}% does not take any parameters or length`);
		return;
	}
	if (syntax.parameters === "required" && !given) throw new OperatorError(`%${name}% requires parameters`);
	if (hasLength && !syntax.length) throw new OperatorError(`%${name}% does not allow a length`);
}
