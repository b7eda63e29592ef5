import type { FieldPath } from "../../../lib/field-path.ts";
import type { RouteMatch } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { ProblemList } from "../problem-list.ts";
import { perMillion } from "./fraction.ts";
import { compileHeaderMatcher, type HeaderTest } from "./header-matcher.ts";
import type { MatchInput } from "./match-input.ts";
import { compilePathMatcher, type PathMatcher } from "./path-matcher.ts";
import { compileQueryMatcher, type QueryTest } from "./query-matcher.ts";
import { requestHeader } from "./request-header.ts";

/** All that must hold for a request to take a route. Immutable. */
export class RouteCondition {
	readonly path: PathMatcher;
	readonly headers: readonly HeaderTest[];
	readonly #query: readonly QueryTest[];
	/** Share of a million requests that the condition lets through. */
	readonly #fraction: number;
	readonly #grpcOnly: boolean;

	constructor(
		path: PathMatcher,
		headers: readonly HeaderTest[],
		rest: { query: readonly QueryTest[]; fraction: number; grpcOnly: boolean },
	) {
		this.path = path;
		this.headers = headers;
		this.#query = rest.query;
		this.#fraction = rest.fraction;
		this.#grpcOnly = rest.grpcOnly;
	}

	matches(input: MatchInput): boolean {
		// A CONNECT without a path is only for connect_matcher.
		if (input.isConnect ? !this.path.connectOnly && input.path === "" : this.path.connectOnly) return false;
		if (!this.path.test(input)) return false;
		for (const header of this.headers) {
			if (!header.test(requestHeader(input.request, header.name))) return false;
		}
		return this.#matchesRest(input);
	}

	#matchesRest(input: MatchInput): boolean {
		for (const test of this.#query) {
			if (!test(input.query)) return false;
		}
		if (this.#grpcOnly && !isGrpc(input.request.headers.get("content-type"))) return false;
		return this.#fraction >= 1_000_000 || input.millionth < this.#fraction;
	}
}

/** `application/grpc` alone or with a `+` suffix or parameters (Envoy: Grpc::Common::hasGrpcContentType). */
export function isGrpc(contentType: string | undefined): boolean {
	return contentType !== undefined && /^application\/grpc(?:$|[+;])/i.test(contentType);
}

/** Compiles a `RouteMatch`. There is no runtime layer, so a `runtime_key` leaves the default value in force. */
export function compileRouteCondition(match: RouteMatch, at: FieldPath, problems: ProblemList): RouteCondition {
	const headers = match.headers.map((h, i) => compileHeaderMatcher(h, at.field("headers").index(i), problems));
	const query = match.queryParameters.map((q, i) =>
		compileQueryMatcher(q, at.field("query_parameters").index(i), problems),
	);
	const fraction = match.runtimeFraction ? perMillion(match.runtimeFraction.defaultValue, 0) : 1_000_000;
	return new RouteCondition(compilePathMatcher(match, at, problems), headers, {
		query,
		fraction,
		grpcOnly: match.grpc !== undefined,
	});
}
