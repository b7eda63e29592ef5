import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { DataSource } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type {
	LocalReplyConfig,
	ResponseMapper,
} from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { RequestInfo } from "../../http/info/request-info.ts";
import type { ResponseHead } from "../../http/message.ts";
import { compileLogFilter, type LogFilter } from "../../router/access-log/log-filter.ts";
import { type BodyFormat, compileBodyFormat } from "../../router/format/body-format.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileHeaderOperations, type HeaderOperations } from "../../router/headers/header-operations.ts";
import { ProblemList } from "../../router/problem-list.ts";

/** What becomes of the proxy's own answers (`local_reply_config`). */
export interface LocalReplyRules {
	/** Changes the head; returns the body, with its type where a format made it. `ctx.info` tells the status that was meant. */
	rewrite(head: ResponseHead, body: string, ctx: LocalReplyContext): RewrittenBody;
}

export type LocalReplyContext = FormatContext & { readonly info: RequestInfo };

export interface RewrittenBody {
	readonly body: string;
	readonly contentType: string | undefined;
}

interface Mapper {
	readonly matches: LogFilter;
	readonly status: number | undefined;
	readonly body: string | undefined;
	readonly headers: HeaderOperations | undefined;
	readonly format: BodyFormat | undefined;
}

/** Compiles `local_reply_config`; throws ProblemError with everything that is wrong. */
export function compileLocalReplies(
	config: LocalReplyConfig,
	deps: { readonly env: FormatEnvironment; readonly random: Random },
	at: FieldPath,
): LocalReplyRules {
	const problems = new ProblemList();
	const mappers = config.mappers.map((mapper, i) =>
		compileMapper(mapper, at.field("mappers").index(i), { ...deps, problems }),
	);
	const usual = config.bodyFormat && compileBodyFormat(config.bodyFormat, deps.env, at.field("body_format"), problems);
	problems.throwIfAny();
	return { rewrite: (head, body, ctx) => rewrite(mappers, usual, { head, body, ctx }) };
}

interface Scope {
	readonly env: FormatEnvironment;
	readonly random: Random;
	readonly problems: ProblemList;
}

function compileMapper(message: ResponseMapper, at: FieldPath, scope: Scope): Mapper {
	const { env, random, problems } = scope;
	const { statusCode, headersToAdd, bodyFormatOverride } = message;
	if (!message.filter) problems.add("missing", at.field("filter"), "the mapper has no filter");
	if (statusCode !== undefined && (statusCode < 200 || statusCode > 599))
		problems.add("invalid", at.field("status_code"), `${statusCode} is no status of a response`);
	const lists = { add: headersToAdd, remove: [], addAt: at.field("headers_to_add"), removeAt: at };
	return {
		matches: message.filter ? compileLogFilter(message.filter, random, at.field("filter"), problems) : () => false,
		status: statusCode,
		body: message.body && readText(message.body, at.field("body"), scope),
		headers: compileHeaderOperations(lists, env, problems),
		format:
			bodyFormatOverride && compileBodyFormat(bodyFormatOverride, env, at.field("body_format_override"), problems),
	};
}

function readText({ specifier }: DataSource, at: FieldPath, { env, problems }: Scope): string {
	switch (specifier.case) {
		case "inlineString":
			return specifier.value;
		case "inlineBytes":
			return new TextDecoder().decode(specifier.value);
		case "environmentVariable": {
			const text = env.environment(specifier.value);
			if (text === undefined)
				problems.add(
					"invalid",
					at.field("environment_variable"),
					`there is no environment variable "${specifier.value}"`,
				);
			return text ?? "";
		}
		case "filename": {
			const content = env.readFile?.(specifier.value);
			if (typeof content === "object") return new TextDecoder().decode(content);
			problems.add("invalid", at.field("filename"), content ?? "files cannot be read here");
			return "";
		}
		default:
			problems.add("missing", at, "the body has no source");
			return "";
	}
}

function rewrite(
	mappers: readonly Mapper[],
	usual: BodyFormat | undefined,
	{ head, body, ctx }: { readonly head: ResponseHead; readonly body: string; readonly ctx: LocalReplyContext },
): RewrittenBody {
	const mapper = mappers.find(({ matches }) => matches(ctx));
	const text = mapper?.body ?? body;
	// Header values still tell the status that was meant, bodies the new one.
	mapper?.headers?.apply(head.headers, ctx);
	if (mapper?.status !== undefined) {
		head.status = mapper.status;
		ctx.info.responseCode = mapper.status;
	}
	const format = mapper?.format ?? usual;
	if (!format) return { body: text, contentType: undefined };
	return { body: format.format({ ...ctx, localReplyBody: text }), contentType: format.contentType };
}
