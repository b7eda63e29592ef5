import type { FieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";

const CODES = {
	/** A value that is wrong for anyone. */
	invalid: "LTN3801",
	/** A value that Envoy knows and this proxy does not implement. */
	notImplemented: "LTN3802",
	/** A file or an environment variable that cannot be read. */
	unreadable: "LTN3803",
	/** A certificate, key or list that is broken or does not fit. */
	material: "LTN3804",
} as const;

/** Collects what is wrong in TLS messages. */
export class TlsProblems {
	readonly problems: Problem[] = [];

	add(kind: keyof typeof CODES, at: FieldPath, message: string, fix = ""): void {
		this.problems.push(problem(CODES[kind], at.toString(), message, fix));
	}

	notImplemented(at: FieldPath, what: string): void {
		this.add("notImplemented", at, `${what} is not implemented by this proxy`, "remove the field");
	}
}
