import type { FieldPath } from "../../../lib/field-path.ts";
import type { RouteMatch } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { ProblemList } from "../problem-list.ts";
import { perMillion } from "./fraction.ts";
import { compileHeaderMatcher, type HeaderTest, testRequestHeader } from "./header-matcher.ts";
import type { MatchInput } from "./match-input.ts";
import { compileOtherMatchers, type InputTest } from "./other-matchers.ts";
import { compilePathMatcher, type PathMatcher } from "./path/path-matcher.ts";

/** All that must hold for a request to take a route. Immutable. */
export class RouteCondition {
	readonly path: PathMatcher;
	readonly headers: readonly HeaderTest[];
	readonly #others: readonly InputTest[];
	/** Share of a million requests that the condition lets through. */
	readonly #fraction: number;

	constructor(
		path: PathMatcher,
		headers: readonly HeaderTest[],
		rest: { others: readonly InputTest[]; fraction: number },
	) {
		this.path = path;
		this.headers = headers;
		this.#others = rest.others;
		this.#fraction = rest.fraction;
	}

	matches(input: MatchInput): boolean {
		// A CONNECT without a path is only for connect_matcher.
		if (input.isConnect ? !this.path.connectOnly && input.path === "" : this.path.connectOnly) return false;
		if (!this.path.test(input)) return false;
		for (const header of this.headers) {
			if (!testRequestHeader(header, input.request)) return false;
		}
		for (const test of this.#others) {
			if (!test(input)) return false;
		}
		return this.#fraction >= 1_000_000 || input.millionth < this.#fraction;
	}
}

/** Compiles a `RouteMatch`. There is no runtime layer, so a `runtime_key` leaves the default value in force. */
export function compileRouteCondition(match: RouteMatch, at: FieldPath, problems: ProblemList): RouteCondition {
	const headers = match.headers.map((h, i) => compileHeaderMatcher(h, at.field("headers").index(i), problems));
	const fraction = match.runtimeFraction ? perMillion(match.runtimeFraction.defaultValue, 0) : 1_000_000;
	const others = compileOtherMatchers(match, at, problems);
	return new RouteCondition(compilePathMatcher(match, at, problems), headers, { others, fraction });
}
