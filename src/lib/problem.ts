/**
 * What a user can cause, told so that they can mend it: a stable code, the place, what is wrong, what to do.
 * Problems are data and are collected, all of them; a bug is an exception instead.
 */
export interface Problem {
	/** Stable code `LTNnnnn`; the table is `problem-codes.ts`. */
	readonly code: string;
	/** Field path (`spec.http[0].route[1].weight`), file path or flag; empty when the whole input is meant. */
	readonly path: string;
	/** What is wrong, one sentence without a full stop. */
	readonly message: string;
	/** What to do, one sentence without a full stop; empty when the message says it. */
	readonly fix: string;
}

export function problem(code: string, path: string, message: string, fix = ""): Problem {
	return { code, path, message, fix };
}

/** `LTN1204 spec.subsets[2].name: subset "v2" is defined twice. Rename or delete one.` */
export function formatProblem(p: Problem): string {
	const where = p.path === "" ? "" : `${p.path}: `;
	const fix = p.fix === "" ? "" : ` ${capitalise(p.fix)}${p.fix.startsWith("did you mean") ? "?" : "."}`;
	return `${p.code} ${where}${p.message}.${fix}`;
}

/** Thrown at an edge where problems must end the operation; carries all of them. */
export class ProblemError extends Error {
	readonly problems: readonly Problem[];
	constructor(problems: readonly Problem[], options?: ErrorOptions) {
		super(problems.map(formatProblem).join("\n"), options);
		this.name = "ProblemError";
		this.problems = problems;
	}
}

function capitalise(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}
