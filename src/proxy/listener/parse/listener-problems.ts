import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";

/** A field or extension that Envoy knows and this proxy does not obey. */
export function notImplemented(at: FieldPath, what: string, fix = "remove the field"): Problem {
	return problem("LTN3111", at.toString(), `${what} is not implemented by this proxy`, fix);
}

/** A field that must be set is not. */
export function missing(at: FieldPath, what = "the field is required", fix = "set it"): Problem {
	return problem("LTN3113", at.toString(), what, fix);
}

/** A value that is wrong for anyone. */
export function invalid(at: FieldPath, what: string, fix: string): Problem {
	return problem("LTN3114", at.toString(), what, fix);
}
