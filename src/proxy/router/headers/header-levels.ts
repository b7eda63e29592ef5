import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderValueOption } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { CompileScope } from "../compile-scope.ts";
import { compileHeaderOperations, type HeaderOperations } from "./header-operations.ts";

/** The four lists that configuration, virtual host, route and weighted cluster have alike. */
interface HeaderFields {
	readonly requestHeadersToAdd: readonly HeaderValueOption[];
	readonly requestHeadersToRemove: readonly string[];
	readonly responseHeadersToAdd: readonly HeaderValueOption[];
	readonly responseHeadersToRemove: readonly string[];
}

/** Compiled header operations of one level. */
export interface HeaderLevel {
	readonly request: HeaderOperations | undefined;
	readonly response: HeaderOperations | undefined;
}

/** Compiles one level's lists. */
export function compileHeaderLevel(fields: HeaderFields, at: FieldPath, scope: CompileScope): HeaderLevel {
	const { env } = scope.deps;
	const request = {
		add: fields.requestHeadersToAdd,
		remove: fields.requestHeadersToRemove,
		addAt: at.field("request_headers_to_add"),
		removeAt: at.field("request_headers_to_remove"),
	};
	const response = {
		add: fields.responseHeadersToAdd,
		remove: fields.responseHeadersToRemove,
		addAt: at.field("response_headers_to_add"),
		removeAt: at.field("response_headers_to_remove"),
	};
	return {
		request: compileHeaderOperations(request, env, scope.problems),
		response: compileHeaderOperations(response, env, scope.problems),
	};
}

/** The operations of route, virtual host and configuration in the order in which they run, levels without any left out. */
export function orderLevels(
	levels: { route: HeaderLevel; virtualHost: HeaderLevel; configuration: HeaderLevel },
	mostSpecificWins: boolean,
): { request: readonly HeaderOperations[]; response: readonly HeaderOperations[] } {
	const specificFirst = [levels.route, levels.virtualHost, levels.configuration];
	// What runs last has the last word.
	const ordered = mostSpecificWins ? specificFirst.reverse() : specificFirst;
	return {
		request: ordered.flatMap((level) => level.request ?? []),
		response: ordered.flatMap((level) => level.response ?? []),
	};
}
