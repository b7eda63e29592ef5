import { RE2JS } from "re2js";

/** Patterns come from users' CRDs: RE2 is what Kubernetes uses, and it cannot be made to run away. */
const compiled = new Map<string, RE2JS>();

/** True when the pattern is found anywhere in the text. Throws a SyntaxError when it is no RE2 expression. */
export function matchesPattern(pattern: string, text: string): boolean {
	let expression = compiled.get(pattern);
	if (!expression) {
		expression = compilePattern(pattern);
		compiled.set(pattern, expression);
	}
	return expression.matcher(text).find();
}

/** What is wrong with a pattern, undefined when nothing is. */
export function patternProblem(pattern: string): string | undefined {
	try {
		compilePattern(pattern);
		return undefined;
	} catch (error) {
		return error instanceof SyntaxError ? error.message : String(error);
	}
}

function compilePattern(pattern: string): RE2JS {
	try {
		return RE2JS.compile(pattern);
	} catch (cause) {
		throw new SyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
	}
}
