import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderMutation } from "../../../xds/generated/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts";
import type {
	HeaderMutation as Config,
	HeaderMutationPerRoute,
	Mutations as Message,
} from "../../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileMutations, type Mutation } from "../../router/headers/header-mutations.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { compileQueryMutations } from "./query-mutations.ts";

export interface HeaderMutationDeps {
	readonly env: FormatEnvironment;
}

/** One level's mutations. */
interface Mutations {
	readonly request: readonly Mutation[];
	readonly response: readonly Mutation[];
	readonly requestTrailers: readonly Mutation[];
	readonly responseTrailers: readonly Mutation[];
	readonly query: ReturnType<typeof compileQueryMutations>;
}

/** Changes header fields and query parameters by configuration (Envoy: header mutation filter): the listener's, then every level of the route. */
export function headerMutationFilter({ env }: HeaderMutationDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
		parse(config, path, name) {
			const { mutations, mostSpecificHeaderMutationsWins: specificLast } = config as Config;
			const own = readingConfig(path, (at, problems) => parseMutations(mutations, env, at, problems));
			return { name, create: () => new MutationStream({ name, own, specificLast }) };
		},
		parseRoute(config, path) {
			const { mutations } = config as HeaderMutationPerRoute;
			return readingConfig(path, (at, problems) => parseMutations(mutations, env, at, problems));
		},
	};
}

function parseMutations(
	message: Message | undefined,
	env: FormatEnvironment,
	root: FieldPath,
	problems: ProblemList,
): Mutations {
	const at = root.field("mutations");
	const compile = (mutations: readonly HeaderMutation[] | undefined, name: string) =>
		compileMutations(mutations ?? [], env, at.field(name), problems);
	return {
		request: compile(message?.requestMutations, "request_mutations"),
		response: compile(message?.responseMutations, "response_mutations"),
		requestTrailers: compile(message?.requestTrailersMutations, "request_trailers_mutations"),
		responseTrailers: compile(message?.responseTrailersMutations, "response_trailers_mutations"),
		query: compileQueryMutations(
			message?.queryParameterMutations ?? [],
			env,
			at.field("query_parameter_mutations"),
			problems,
		),
	};
}

interface Shared {
	readonly name: string;
	readonly own: Mutations;
	/** The route's own level runs last, and so wins. */
	readonly specificLast: boolean;
}

class MutationStream implements HttpFilter {
	readonly #shared: Shared;
	#levels: readonly Mutations[] | undefined;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	decodeHeaders(stream: FilterStream): HeadOutcome {
		const { request, info } = stream;
		const ctx = { request, info, route: stream.route() };
		const levels = this.#levelsOf(stream);
		for (const { request: mutations, query } of levels) {
			run(mutations, request.headers, ctx);
			if (query) request.path = query(request.path, ctx);
		}
		return levels.some(({ requestTrailers }) => requestTrailers.length > 0) ? "continue" : "pass";
	}

	decodeEnd(stream: FilterStream, trailers: HeaderMap | undefined): "continue" {
		if (trailers) this.#mutateTrailers(stream, trailers, "requestTrailers");
		return "continue";
	}

	encodeHeaders(stream: FilterStream, response: ResponseHead): HeadOutcome {
		const ctx = { request: stream.request, response, info: stream.info, route: stream.route() };
		const levels = this.#levelsOf(stream);
		for (const level of levels) run(level.response, response.headers, ctx);
		return levels.some(({ responseTrailers }) => responseTrailers.length > 0) ? "continue" : "pass";
	}

	encodeEnd(stream: FilterStream, trailers: HeaderMap | undefined): "continue" {
		if (trailers) this.#mutateTrailers(stream, trailers, "responseTrailers");
		return "continue";
	}

	#mutateTrailers(stream: FilterStream, headers: HeaderMap, which: "requestTrailers" | "responseTrailers"): void {
		const { request, response, info } = stream;
		const trailers = which === "responseTrailers" ? headers : undefined;
		const ctx = { request, response, trailers, info, route: stream.route() };
		for (const level of this.#levelsOf(stream)) run(level[which], headers, ctx);
	}

	#levelsOf(stream: FilterStream): readonly Mutations[] {
		const { name, own, specificLast } = this.#shared;
		if (!this.#levels) {
			const route = (stream.route()?.perFilterConfigs(name) ?? []) as readonly Mutations[];
			this.#levels = [own, ...(specificLast ? [...route].reverse() : route)];
		}
		return this.#levels;
	}
}

function run(mutations: readonly Mutation[], headers: HeaderMap, ctx: FormatContext): void {
	for (const mutation of mutations) mutation(headers, ctx);
}
