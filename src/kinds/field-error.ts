import type { FieldPath } from "../lib/field-path.ts";
import type { FieldError } from "./definition.ts";
import { GoLiteral } from "./go-literal.ts";

/** Paths are written by `fieldPath()` or given as text. */
export type Where = FieldPath | string;

type Reason = FieldError["reason"];

/** One code per reason: what a person looks up is the reason; the path and the text say the rest. */
const CODES = {
	FieldValueRequired: "LTN1001",
	FieldValueInvalid: "LTN1002",
	FieldValueNotSupported: "LTN1003",
	FieldValueDuplicate: "LTN1004",
	FieldValueForbidden: "LTN1005",
	FieldValueTooLong: "LTN1006",
	FieldValueTooMany: "LTN1007",
	FieldValueNotFound: "LTN1008",
	FieldValueTypeInvalid: "LTN1009",
} as const satisfies Record<Reason, string>;

function make(reason: Reason, where: Where, kubernetesText: string, message: string): FieldError {
	return { code: CODES[reason], path: where.toString(), message, fix: "", reason, kubernetesText };
}

const withDetail = (text: string, detail: string) => (detail === "" ? text : `${text}: ${detail}`);

/** `Required value`, with the detail after a colon when there is one. */
export function required(where: Where, detail = ""): FieldError {
	return make(
		"FieldValueRequired",
		where,
		withDetail("Required value", detail),
		withDetail("a value is required", detail),
	);
}

/** `Invalid value: <value>: <detail>`; strings are quoted as Go's `%q` does, maps and structs are given as `GoLiteral`. */
export function invalid(where: Where, value: unknown, detail: string): FieldError {
	const text = withDetail(`Invalid value: ${formatValue(value)}`, detail);
	return make("FieldValueInvalid", where, text, withDetail(`${formatValue(value)} is not valid`, detail));
}

/** `Invalid value: "string": <detail>`: structural schema errors name the type found, not the value. */
export function invalidType(where: Where, found: string, detail: string): FieldError {
	return make("FieldValueTypeInvalid", where, `Invalid value: "${found}": ${detail}`, detail);
}

/** `Unsupported value: "A": supported values: "B", "C"` (sorted as given). */
export function notSupported(where: Where, value: unknown, supported: readonly unknown[]): FieldError {
	const list = supported.map((item) => (typeof item === "string" ? JSON.stringify(item) : String(item))).join(", ");
	const text = `Unsupported value: ${formatValue(value)}${list === "" ? "" : `: supported values: ${list}`}`;
	return make("FieldValueNotSupported", where, text, `${formatValue(value)} is not one of ${list}`);
}

/** `Duplicate value: <value>`. */
export function duplicate(where: Where, value: unknown): FieldError {
	return make(
		"FieldValueDuplicate",
		where,
		`Duplicate value: ${formatValue(value)}`,
		`${formatValue(value)} is there twice`,
	);
}

/** `Forbidden: <detail>`. */
export function forbidden(where: Where, detail: string): FieldError {
	return make("FieldValueForbidden", where, `Forbidden: ${detail}`, detail);
}

/** `Too long: may not be more than <max> bytes`. */
export function tooLong(where: Where, maxBytes: number): FieldError {
	const detail = `may not be more than ${maxBytes} bytes`;
	return make("FieldValueTooLong", where, `Too long: ${detail}`, detail);
}

/** `Too many: <actual>: must have at most <max> items`. */
export function tooMany(where: Where, actual: number, max: number): FieldError {
	const detail = `must have at most ${max} items`;
	return make("FieldValueTooMany", where, `Too many: ${actual}: ${detail}`, `${actual} items, ${detail}`);
}

/** `Not found: <value>`. */
export function notFound(where: Where, value: unknown): FieldError {
	return make("FieldValueNotFound", where, `Not found: ${formatValue(value)}`, `${formatValue(value)} was not found`);
}

function formatValue(value: unknown): string {
	if (value instanceof GoLiteral) return value.text;
	if (value === undefined || value === null) return "null";
	return JSON.stringify(value);
}

/** `spec.ports[0].port: Invalid value: ...`: one error as Kubernetes prints it in a list. */
export function formatFieldError(error: FieldError): string {
	return error.path === "" ? error.kubernetesText : `${error.path}: ${error.kubernetesText}`;
}

/** The message of a 422 Status: `Deployment.apps "x" is invalid: [a: Required value, b: ...]`. */
export function formatInvalid(kind: string, group: string, name: string, errors: readonly FieldError[]): string {
	const subject = `${kind}${group === "" ? "" : `.${group}`} ${JSON.stringify(name)} is invalid`;
	const texts = errors.map(formatFieldError);
	if (texts.length === 0) return subject;
	return `${subject}: ${texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`}`;
}
