import { type Problem, problem } from "../../../lib/problem.ts";
import type { Findings } from "../../define-kind.ts";
import type { Where } from "../../field-error.ts";

/** Collects what a check finds; nothing stops at the first problem. */
export class Report implements Findings {
	readonly errors: Problem[] = [];
	readonly warnings: Problem[] = [];

	error(code: string, where: Where, message: string, fix = ""): void {
		this.errors.push(problem(code, where.toString(), message, fix));
	}

	warn(code: string, where: Where, message: string, fix = ""): void {
		this.warnings.push(problem(code, where.toString(), message, fix));
	}
}
