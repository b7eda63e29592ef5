import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	HeaderMutation as Config,
	HeaderMutationPerRoute,
	Mutations as Message,
} from "../../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import {
	compileMutations,
	type MutableFields,
	type Mutation,
	requestFields,
	responseFields,
} from "./header-mutations.ts";
import { compileQueryMutations } from "./query-mutations.ts";

export interface HeaderMutationDeps {
	readonly env: FormatEnvironment;
}

/** One level's mutations. */
interface Mutations {
	readonly request: readonly Mutation[];
	readonly response: readonly Mutation[];
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
	return {
		request: compileMutations(message?.requestMutations ?? [], env, at.field("request_mutations"), problems),
		response: compileMutations(message?.responseMutations ?? [], env, at.field("response_mutations"), problems),
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

	decodeHeaders(stream: FilterStream): "continue" {
		const { request, info } = stream;
		const ctx = { request, info, route: stream.route() };
		const fields = requestFields(request);
		for (const { request: mutations, query } of this.#levelsOf(stream)) {
			run(mutations, fields, ctx);
			if (query) request.path = query(request.path, ctx);
		}
		return "continue";
	}

	encodeHeaders(stream: FilterStream, response: ResponseHead): void {
		const ctx = { request: stream.request, response, info: stream.info, route: stream.route() };
		const fields = responseFields(response);
		for (const level of this.#levelsOf(stream)) run(level.response, fields, ctx);
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

function run(mutations: readonly Mutation[], fields: MutableFields, ctx: FormatContext): void {
	for (const mutation of mutations) mutation(fields, ctx);
}
