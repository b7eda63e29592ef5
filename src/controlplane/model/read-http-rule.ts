import { resolveGateway } from "./gateway-reference.ts";
import { grpcStatusCode } from "./grpc-status.ts";
import { resolveHost } from "./host-name.ts";
import type { ObjectReader } from "./object-reader.ts";
import { readRetryPolicy } from "./retry-policy.ts";
import { readStringMatch, regexError, type StringMatch } from "./string-match.ts";
import type {
	CorsPolicy,
	Destination,
	DirectResponse,
	Fault,
	HeaderMutations,
	HeaderOperations,
	HttpMatch,
	HttpRule,
	Mirror,
	Redirect,
	Rewrite,
} from "./virtual-service.ts";

/** What short names of a rule are resolved against. */
export interface NameScope {
	readonly namespace: string;
	readonly clusterDomain: string;
}

const NO_MUTATIONS: HeaderMutations = { set: {}, add: {}, remove: [] };
const JWT_CLAIM = "@request.auth.claims";

/** One entry of `spec.http`. */
export function readHttpRule(r: ObjectReader, scope: NameScope): HttpRule {
	return {
		name: r.string("name") ?? "",
		match: r.list("match", (m) => readHttpMatch(m, scope)),
		route: r.list("route", (d) => ({
			destination: readDestination(d, scope),
			weight: readWeight(d),
			headers: d.object("headers", readHeaderOperations),
		})),
		redirect: r.object("redirect", readRedirect),
		directResponse: r.object("directResponse", readDirectResponse),
		delegate: r.object("delegate", (d) => ({
			name: d.string("name") ?? "",
			namespace: d.string("namespace") || scope.namespace,
		})),
		rewrite: r.object("rewrite", readRewrite),
		timeoutMs: r.durationMs("timeout"),
		retries: r.object("retries", readRetryPolicy),
		fault: r.object("fault", readFault),
		mirrors: readMirrors(r, scope),
		cors: r.object("corsPolicy", readCors),
		headers: r.object("headers", readHeaderOperations),
	};
}

function readWeight(r: ObjectReader): number | undefined {
	const weight = r.number("weight");
	if (weight !== undefined && (!Number.isInteger(weight) || weight < 0))
		r.malformed("weight", "must be a whole number of at least 0");
	return weight;
}

function readHttpMatch(r: ObjectReader, scope: NameScope): HttpMatch {
	return {
		name: r.string("name") ?? "",
		uri: r.object("uri", readStringMatch),
		ignoreUriCase: r.boolean("ignoreUriCase") ?? false,
		scheme: r.object("scheme", readStringMatch),
		method: r.object("method", readStringMatch),
		authority: r.object("authority", readStringMatch),
		headers: readHeaderMatches(r, "headers"),
		withoutHeaders: readHeaderMatches(r, "withoutHeaders"),
		queryParams: r.entries("queryParams", readStringMatch),
		port: r.number("port") ?? 0,
		sourceLabels: r.stringMap("sourceLabels"),
		sourceNamespace: r.string("sourceNamespace") ?? "",
		gateways: r.strings("gateways").map((g) => resolveGateway(g, scope.namespace)),
		statPrefix: r.string("statPrefix") ?? "",
	};
}

function readHeaderMatches(r: ObjectReader, name: string): readonly (readonly [string, StringMatch])[] {
	return r.entries(name, readStringMatch).map(([header, match]) => {
		if (header.startsWith(JWT_CLAIM)) r.malformed(name, `${header}: routing by JWT claims is not supported yet`);
		return [header.toLowerCase(), match] as const;
	});
}

/** A `destination` member: host, subset, port. */
function readDestination(r: ObjectReader, scope: NameScope, member = "destination"): Destination {
	const destination = r.object(member, (d) => ({
		host: resolveHost(d.string("host") ?? "", scope.namespace, scope.clusterDomain),
		subset: d.string("subset") ?? "",
		port: d.object("port", (p) => p.number("number")),
	}));
	if (!destination || destination.host === "") r.malformed(member, "must name a host");
	return destination ?? { host: "", subset: "", port: undefined };
}

function readHeaderOperations(r: ObjectReader): HeaderOperations {
	const mutations = (m: ObjectReader): HeaderMutations => ({
		set: m.stringMap("set"),
		add: m.stringMap("add"),
		remove: m.strings("remove"),
	});
	return {
		request: r.object("request", mutations) ?? NO_MUTATIONS,
		response: r.object("response", mutations) ?? NO_MUTATIONS,
	};
}

const REDIRECT_CODES = new Set([301, 302, 303, 307, 308]);

function readRedirect(r: ObjectReader): Redirect {
	const code = r.number("redirectCode") || 301;
	if (!REDIRECT_CODES.has(code)) r.malformed("redirectCode", "must be one of 301, 302, 303, 307, 308");
	return {
		uri: r.string("uri"),
		prefixRewrite: r.string("prefixRewrite"),
		authority: r.string("authority"),
		port: r.number("port"),
		derivePort: r.word("derivePort", ["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]),
		scheme: r.string("scheme"),
		code,
	};
}

function readDirectResponse(r: ObjectReader): DirectResponse {
	const status = r.number("status");
	if (status === undefined || status < 200 || status > 600) r.malformed("status", "must be between 200 and 600");
	const body = r.object("body", (b) => {
		const text = b.string("string");
		const base64 = b.string("bytes");
		if (text !== undefined) return { text };
		return base64 === undefined ? undefined : { base64 };
	});
	return { status: status ?? 500, body };
}

function readRewrite(r: ObjectReader): Rewrite {
	return {
		uri: r.string("uri"),
		authority: r.string("authority"),
		uriRegex: r.object("uriRegexRewrite", (x) => {
			const match = x.string("match") ?? "";
			const error = regexError(match);
			if (error) x.malformed("match", error);
			return { match, rewrite: x.string("rewrite") ?? "" };
		}),
	};
}

/** `percentage.value`, or the deprecated whole-number `percent`; absent means 0. */
function readPercent(r: ObjectReader): number {
	const percentage = r.object("percentage", (p) => p.number("value") ?? 0);
	return percentage ?? r.number("percent") ?? 0;
}

function readFault(r: ObjectReader): Fault {
	return {
		delay: r.object("delay", (d) => {
			d.unsupported("exponentialDelay", "Istio does not obey it either");
			return { fixedMs: d.durationMs("fixedDelay") ?? 0, percent: readPercent(d) };
		}),
		abort: r.object("abort", (a) => {
			a.unsupported("http2Error", "Istio does not obey it either");
			return { percent: readPercent(a), status: readAbortStatus(a) };
		}),
	};
}

function readAbortStatus(r: ObjectReader): { http: number } | { grpc: number } {
	const word = r.string("grpcStatus");
	const http = r.number("httpStatus");
	if (word === undefined) {
		if (http === undefined || http < 200 || http > 600) r.malformed("httpStatus", "must be between 200 and 600");
		return { http: http ?? 503 };
	}
	const grpc = grpcStatusCode(word);
	if (grpc === undefined) r.malformed("grpcStatus", `"${word}" is not a gRPC status`);
	return { grpc: grpc ?? 2 };
}

function readMirrors(r: ObjectReader, scope: NameScope): readonly Mirror[] {
	const percentage = r.object("mirrorPercentage", (p) => p.number("value") ?? 0) ?? r.number("mirrorPercent") ?? 100;
	const single = r.has("mirror") ? [{ destination: readDestination(r, scope, "mirror"), percent: percentage }] : [];
	const several = r.list("mirrors", (m) => ({
		destination: readDestination(m, scope),
		percent: m.object("percentage", (p) => p.number("value") ?? 0) ?? 100,
	}));
	return [...single, ...several].filter((m) => m.percent > 0);
}

function readCors(r: ObjectReader): CorsPolicy {
	const exact = r.strings("allowOrigin").map((value): StringMatch => ({ kind: "exact", value }));
	const unmatched = r.word("unmatchedPreflights", ["UNSPECIFIED", "FORWARD", "IGNORE"]);
	return {
		allowOrigins: r.has("allowOrigins") ? r.list("allowOrigins", readStringMatch) : exact,
		allowMethods: r.strings("allowMethods"),
		allowHeaders: r.strings("allowHeaders"),
		exposeHeaders: r.strings("exposeHeaders"),
		maxAgeMs: r.durationMs("maxAge"),
		allowCredentials: r.boolean("allowCredentials"),
		forwardUnmatchedPreflights: unmatched !== "IGNORE",
	};
}
