import type { FieldPath } from "../../../lib/field-path.ts";
import type { Report } from "./report.ts";

const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]*$/;

/** A path with `{*}` (one segment) and `{**}` (the rest): operators are whole segments, `{**}` is the last operator. */
export function checkPathTemplate(text: string, path: FieldPath, report: Report): void {
	if (!text.includes("{") && !text.includes("}")) return;
	const segments = text.split("/");
	const isOperator = (segment: string) => segment === "{*}" || segment === "{**}";
	const operators = segments.filter(isOperator);
	const rest = operators.indexOf("{**}");
	const literals = segments.filter((segment) => !isOperator(segment));
	const isFine =
		text.startsWith("/") &&
		literals.every((segment) => LITERAL.test(segment)) &&
		(rest < 0 || rest === operators.length - 1);
	if (!isFine)
		report.error(
			"LTN1908",
			path,
			`${JSON.stringify(text)} is no path template`,
			"write {*} and {**} as whole segments, {**} after every {*}",
		);
}
