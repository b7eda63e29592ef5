import type { FieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";

/** A value that is wrong for anyone. */
export function invalid(at: FieldPath, what: string, fix = ""): Problem {
	return problem("LTN3122", at.toString(), what, fix);
}

/** A field that must be set is not. */
export function missing(at: FieldPath): Problem {
	return problem("LTN3123", at.toString(), "the field is required", "set it");
}
