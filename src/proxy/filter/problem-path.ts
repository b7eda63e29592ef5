import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { ProblemList } from "../router/problem-list.ts";

/** Runs the reading of one filter config: what it puts on the list ends it with a ProblemError. */
export function readingConfig<T>(path: string, read: (at: FieldPath, problems: ProblemList) => T): T {
	const problems = new ProblemList();
	const result = read(fieldPath(path), problems);
	problems.throwIfAny();
	return result;
}

/** The plain object of a TypedStruct's value, all of whose members must be among `known`. */
export function readPlainObject(
	config: unknown,
	known: readonly string[],
	at: FieldPath,
	problems: ProblemList,
): Record<string, unknown> {
	if (config === undefined) return {};
	if (typeof config !== "object" || config === null || Array.isArray(config)) {
		problems.add("invalid", at, "the filter config is no object");
		return {};
	}
	for (const name of Object.keys(config)) {
		if (!known.includes(name)) problems.notImplemented(at.field(name), `the field ${name}`);
	}
	return config as Record<string, unknown>;
}

/** An error with one problem about a filter's type. */
export function unknownFilter(path: string, typeUrl: string): ProblemError {
	const found: Problem = problem(
		"LTN3401",
		path,
		`the filter ${typeUrl || '""'} is not implemented by this proxy`,
		"remove the filter",
	);
	return new ProblemError([found]);
}
