import { fromBinary, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type Config,
	Config_ValueEncode as Encode,
	type Config_KeyValuePair as KeyValuePair,
	type Config_Rule as RuleMessage,
	Config_ValueType as Type,
} from "../../../xds/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { compileSubstitution } from "../../router/action/rewrite.ts";
import { parseCookies } from "../../router/match/cookies.ts";
import { requestHeader } from "../../router/match/request-header.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

const MESSAGE = "envoy.extensions.filters.http.header_to_metadata.v3.Config";
const NAMESPACE = "envoy.filters.http.header_to_metadata";
/** Longer values are left out (Envoy: MAX_HEADER_VALUE_LEN). */
const MAX_VALUE_LENGTH = 8 * 1024;

export const HEADER_TO_METADATA_SUPPORTED: SupportedFields = {
	[MESSAGE]: ["request_rules", "response_rules"],
	[`${MESSAGE}.Rule`]: ["header", "cookie", "on_header_present", "on_header_missing", "remove"],
	[`${MESSAGE}.KeyValuePair`]: ["metadata_namespace", "key", "value", "regex_value_rewrite", "type", "encode"],
};

/** What a value becomes. */
interface Target {
	readonly namespace: string;
	readonly key: string;
	/** Undefined: nothing comes of it. */
	valueOf(found: string): JsonValue | undefined;
}

/** A message's head. */
interface Message {
	readonly headers: HeaderMap;
	/** The value of a pseudo header. */
	pseudo(name: string): string | undefined;
}

interface Rule {
	/** Undefined: not there. Takes the field off where the rule says so. */
	take(message: Message): string | undefined;
	readonly present: Target | undefined;
	readonly missing: Target | undefined;
}

interface Rules {
	readonly request: readonly Rule[];
	readonly response: readonly Rule[];
}

/** Copies fields and cookies into dynamic metadata (Envoy: header to metadata filter); a route's config takes the place of the listener's. */
export function headerToMetadataFilter(): HttpFilterFactory {
	return {
		typeUrl: `type.googleapis.com/${MESSAGE}`,
		parse(config, path, name) {
			const rules = readingConfig(path, (at, problems) => compileRules(config as Config, at, problems));
			const filter: HttpFilter = {
				decodeHeaders(stream) {
					const { request } = stream;
					const pseudo = (field: string) => requestHeader(request, field);
					apply(rulesOf(stream, name, rules).request, { headers: request.headers, pseudo }, stream);
					return "pass";
				},
				encodeHeaders(stream, response) {
					const pseudo = (field: string) => (field === ":status" ? String(response.status) : undefined);
					apply(rulesOf(stream, name, rules).response, { headers: response.headers, pseudo }, stream);
					return "pass";
				},
			};
			return { name, create: () => filter };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => {
				const { requestRules, responseRules } = config as Config;
				if (requestRules.length === 0 && responseRules.length === 0)
					problems.add("missing", at, "there is no rule", "set request_rules or response_rules");
				return compileRules(config as Config, at, problems);
			}),
	};
}

function rulesOf(stream: FilterStream, name: string, listener: Rules): Rules {
	return (stream.routeConfig(name) as Rules | undefined) ?? listener;
}

function apply(rules: readonly Rule[], message: Message, { info }: FilterStream): void {
	for (const rule of rules) {
		const found = rule.take(message);
		const target = found === undefined ? rule.missing : rule.present;
		const value = target?.valueOf(found ?? "");
		if (!target || value === undefined) continue;
		const before = info.dynamicMetadata.get(target.namespace);
		info.dynamicMetadata.set(target.namespace, { ...before, [target.key]: value });
	}
}

function compileRules({ requestRules, responseRules }: Config, at: FieldPath, problems: ProblemList): Rules {
	const compile = (rules: readonly RuleMessage[], field: string) =>
		rules.map((rule, i) => compileRule(rule, at.field(field).index(i), problems));
	return { request: compile(requestRules, "request_rules"), response: compile(responseRules, "response_rules") };
}

function compileRule(rule: RuleMessage, at: FieldPath, problems: ProblemList): Rule {
	const { header, cookie, onHeaderPresent, onHeaderMissing, remove } = rule;
	if ((header === "") === (cookie === "")) problems.add("invalid", at, "a rule has either a header or a cookie");
	if (!onHeaderPresent && !onHeaderMissing)
		problems.add("missing", at, "the rule does nothing", "set on_header_present or on_header_missing");
	if (cookie !== "" && remove) problems.add("invalid", at.field("remove"), "a cookie cannot be removed");
	if (onHeaderMissing && onHeaderMissing.value === "")
		problems.add("missing", at.field("on_header_missing").field("value"), "nothing is said for a missing header");
	const name = header.toLowerCase();
	return {
		take: cookie === "" ? (message) => takeField(message, name, remove) : ({ headers }) => cookieIn(headers, cookie),
		present: onHeaderPresent && compileTarget(onHeaderPresent, at.field("on_header_present"), problems),
		missing: onHeaderMissing && compileTarget(onHeaderMissing, at.field("on_header_missing"), problems),
	};
}

function takeField({ headers, pseudo }: Message, name: string, remove: boolean): string | undefined {
	if (name.startsWith(":")) return pseudo(name);
	const found = headers.getJoined(name);
	if (found !== undefined && remove) headers.remove(name);
	return found;
}

function cookieIn(headers: HeaderMap, name: string): string | undefined {
	return parseCookies(headers.getAll("cookie")).get(name) || undefined;
}

function compileTarget(message: KeyValuePair, at: FieldPath, problems: ProblemList): Target {
	const { metadataNamespace, key, value, regexValueRewrite } = message;
	if (key === "") problems.add("missing", at.field("key"), "the metadata has no key");
	if (value !== "" && regexValueRewrite)
		problems.add("invalid", at, "value and regex_value_rewrite exclude each other");
	const rewriteAt = at.field("regex_value_rewrite");
	const regex = regexValueRewrite && compileSubstitution(regexValueRewrite, rewriteAt, problems);
	const convert = converterOf(message);
	return {
		namespace: metadataNamespace || NAMESPACE,
		key,
		valueOf(found) {
			const text = value || (regex ? regex.apply(found) : found);
			return text === "" || text.length >= MAX_VALUE_LENGTH ? undefined : convert(text);
		},
	};
}

function converterOf({ type, encode }: KeyValuePair): Target["valueOf"] {
	const convert = CONVERTERS[type];
	if (encode !== Encode.BASE64) return convert;
	return (text) => {
		const bytes = decodeBase64(text);
		return bytes === undefined || bytes === "" ? undefined : convert(bytes);
	};
}

const CONVERTERS: Readonly<Record<Type, Target["valueOf"]>> = {
	[Type.STRING]: (text) => text,
	[Type.NUMBER]: (text) => {
		const number = Number(text);
		return text.trim() === "" || Number.isNaN(number) ? undefined : number;
	},
	[Type.PROTOBUF_VALUE]: (text) => {
		try {
			const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
			return toJson(ValueSchema, fromBinary(ValueSchema, bytes));
		} catch {
			// Not the message it should be: no metadata comes of it.
			return undefined;
		}
	},
};

/** Bytes as characters, with or without padding; undefined: no base64. */
function decodeBase64(text: string): string | undefined {
	const body = text.replace(/={1,2}$/, "");
	return body.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(body) ? undefined : atob(body);
}
