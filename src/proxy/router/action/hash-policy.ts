import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { xxHash64, xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import type {
	RouteAction_HashPolicy,
	RouteAction_HashPolicy_Cookie,
	RouteAction_HashPolicy_Header,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import { splitAddress } from "../format/address-operators.ts";
import { parseQuery } from "../match/query-matcher.ts";
import { compileRegexRewrite } from "../match/regex/regex.ts";
import { attempt } from "../match/string-matcher.ts";
import type { ProblemList } from "../problem-list.ts";
import type { ForwardAction } from "../route-match.ts";
import { cookieTail, readCookie } from "./cookie.ts";

/** One policy's hash of a request, or undefined when it has nothing to say; a cookie that must be set goes to `newCookies`. */
type HashMethod = (request: RequestHead, info: StreamInfo, newCookies: string[]) => bigint | undefined;

interface CompiledPolicy {
	readonly method: HashMethod;
	readonly terminal: boolean;
}

const NO_HASH = { hash: undefined, newCookies: [] } as const;
const MASK = 0xffff_ffff_ffff_ffffn;

/** Compiles a route's `hash_policy` list (Envoy: HashPolicyImpl). */
export function compileHashPolicies(
	messages: readonly RouteAction_HashPolicy[],
	at: FieldPath,
	problems: ProblemList,
): ForwardAction["hash"] {
	if (messages.length === 0) return () => NO_HASH;
	const policies = messages.map((message, i): CompiledPolicy => {
		return { method: compileMethod(message, at.index(i), problems), terminal: message.terminal };
	});
	return (request, info) => combine(policies, request, info);
}

function combine(
	policies: readonly CompiledPolicy[],
	request: RequestHead,
	info: StreamInfo,
): ReturnType<ForwardAction["hash"]> {
	let hash: bigint | undefined;
	const newCookies: string[] = [];
	for (const { method, terminal } of policies) {
		const next = method(request, info, newCookies);
		// Rotated first, so that two equal policies do not cancel each other out.
		if (next !== undefined) hash = rotateLeft(hash ?? 0n) ^ next;
		if (terminal && hash !== undefined) break;
	}
	return { hash, newCookies };
}

const rotateLeft = (value: bigint) => ((value << 1n) | (value >> 63n)) & MASK;

function compileMethod(message: RouteAction_HashPolicy, at: FieldPath, problems: ProblemList): HashMethod {
	const { policySpecifier: spec } = message;
	switch (spec.case) {
		case "header":
			return compileHeaderHash(spec.value, at.field("header"), problems);
		case "cookie":
			return compileCookieHash(spec.value, at.field("cookie"), problems);
		case "connectionProperties":
			return (_, info) => {
				const ip = spec.value.sourceIp ? splitAddress(info.downstreamRemoteAddress)?.ip : undefined;
				return ip === undefined ? undefined : xxHash64Utf8(ip);
			};
		case "queryParameter": {
			const { name } = spec.value;
			if (name === "")
				problems.add("missing", at.field("query_parameter").field("name"), "the query parameter has no name");
			return (request) => {
				const value = parseQuery(request.path).get(name);
				return value === undefined ? undefined : xxHash64Utf8(value);
			};
		}
		case "filterState": {
			const { key } = spec.value;
			if (key === "") problems.add("missing", at.field("filter_state").field("key"), "the filter state has no key");
			// Objects of other types have no hash.
			return (_, info) => {
				const value = info.filterState.get(key);
				return typeof value === "string" ? xxHash64Utf8(value) : undefined;
			};
		}
		default:
			problems.add("missing", at, "the hash policy has no specifier");
	}
	return () => undefined;
}

function compileHeaderHash(message: RouteAction_HashPolicy_Header, at: FieldPath, problems: ProblemList): HashMethod {
	const name = message.headerName.toLowerCase();
	if (name === "") problems.add("missing", at.field("header_name"), "the header has no name");
	const rewrite = message.regexRewrite;
	const rewriteAt = at.field("regex_rewrite");
	const regex =
		rewrite &&
		attempt(() => compileRegexRewrite(rewrite.pattern?.regex ?? "", rewrite.substitution), rewriteAt, problems);
	return (request) => {
		const values = valuesOf(request, name);
		if (values.length === 0) return undefined;
		const texts = regex ? values.map((value) => regex.apply(value)) : values;
		let hash = 0n;
		for (const text of texts.sort()) hash = xxHash64(new TextEncoder().encode(text), hash);
		return hash;
	};
}

function valuesOf(request: RequestHead, name: string): string[] {
	if (name === ":authority" || name === "host") return [request.authority];
	if (name === ":path") return [request.path];
	if (name === ":method") return [request.method];
	return request.headers.getAll(name);
}

function compileCookieHash(message: RouteAction_HashPolicy_Cookie, at: FieldPath, problems: ProblemList): HashMethod {
	const { name, path, ttl, attributes } = message;
	if (name === "") problems.add("missing", at.field("name"), "the cookie has no name");
	const tail = cookieTail({ ttlMs: ttl ? durationMs(ttl) : 0, path, attributes });
	return (request, info, newCookies) => {
		const value = readCookie(request, name);
		if (value !== undefined) return xxHash64Utf8(value);
		if (!ttl) return undefined;
		// The same for all streams of one connection that race for the first cookie.
		const fresh = xxHash64Utf8(`${info.downstreamRemoteAddress ?? ""}${info.downstreamLocalAddress ?? ""}`)
			.toString(16)
			.padStart(16, "0");
		newCookies.push(`${name}="${fresh}"${tail}`);
		return xxHash64Utf8(fresh);
	};
}
