import type { FieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";

/** Codes of what can be wrong in a route, an access log or a filter config. */
export const CODES = {
	/** A value that Envoy knows and this proxy does not implement. */
	notImplemented: "LTN3301",
	/** A value that is wrong for anyone. */
	invalid: "LTN3302",
	/** A field that must be set is not. */
	missing: "LTN3303",
	/** The same key twice where it must be unique. */
	duplicate: "LTN3304",
	/** A regular expression that RE2 does not take. */
	regex: "LTN3305",
	/** A format string with an unknown operator or broken syntax. */
	format: "LTN3306",
	/** A cluster that must exist does not. */
	cluster: "LTN3307",
} as const;

/** Collects what is wrong while a configuration is compiled, so that all of it is told at once. */
export class ProblemList {
	readonly problems: Problem[] = [];

	add(kind: keyof typeof CODES, at: FieldPath, message: string, fix = ""): void {
		this.problems.push(problem(CODES[kind], at.toString(), message, fix));
	}

	notImplemented(at: FieldPath, what: string): void {
		this.add("notImplemented", at, `${what} is not implemented by this proxy`, "remove the field");
	}

	/** Takes over the problems of a nested compile step that threw; anything else is a bug and goes on. */
	absorb(error: unknown): void {
		if (!(error instanceof ProblemError)) throw error;
		this.problems.push(...error.problems);
	}

	/** Ends the compilation when something was wrong. */
	throwIfAny(): void {
		if (this.problems.length > 0) throw new ProblemError(this.problems);
	}
}
