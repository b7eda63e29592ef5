import type { Problem } from "../../lib/problem.ts";

/** What reading one object gave: a value unless it is unusable, and everything that is wrong with it. */
export interface Parsed<T> {
	readonly value: T | undefined;
	readonly problems: readonly Problem[];
}
