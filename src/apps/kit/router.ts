import { type Answer, empty, text } from "./answer.ts";
import type { AppRequest } from "./request.ts";

export type Handler = (request: AppRequest) => Answer | Promise<Answer>;

interface Route {
	readonly method: string;
	readonly segments: readonly string[];
	readonly handler: Handler;
}

/**
 * A handler out of a table `"GET /details/:id"` → handler. `:name` is one segment, `*` at the end is the rest (parameter
 * `rest`), method `ANY` is every method, GET answers HEAD too. First match wins; a known path asked with another method gets 405.
 */
export function router(
	routes: Readonly<Record<string, Handler>>,
	notFound: Handler = () => text("Not Found\n", 404),
): Handler {
	const table = Object.entries(routes).map(([pattern, handler]) => compileRoute(pattern, handler));
	return (request) => {
		const segments = request.path.split("/");
		const allowed = new Set<string>();
		for (const route of table) {
			const params = matchSegments(route.segments, segments);
			if (!params) continue;
			if (answersMethod(route.method, request.method)) return route.handler({ ...request, params });
			allowed.add(route.method);
		}
		return allowed.size === 0 ? notFound(request) : empty(405, { allow: [...allowed].join(", ") });
	};
}

function compileRoute(pattern: string, handler: Handler): Route {
	const [method = "", path = ""] = pattern.split(" ");
	return { method, segments: path.split("/"), handler };
}

function answersMethod(routeMethod: string, method: string): boolean {
	return routeMethod === "ANY" || routeMethod === method || (routeMethod === "GET" && method === "HEAD");
}

function matchSegments(pattern: readonly string[], path: readonly string[]): Record<string, string> | undefined {
	const params: Record<string, string> = {};
	for (const [i, want] of pattern.entries()) {
		if (want === "*") {
			params.rest = path.slice(i).join("/");
			return params;
		}
		const got = path[i];
		if (got === undefined) return undefined;
		if (want.startsWith(":")) {
			if (got === "") return undefined;
			params[want.slice(1)] = decodeSegment(got);
		} else if (want !== got) return undefined;
	}
	return pattern.length === path.length ? params : undefined;
}

/** Percent-decoding that leaves a malformed segment as it came: to a sample app it is only a name it does not know. */
function decodeSegment(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		return segment;
	}
}
