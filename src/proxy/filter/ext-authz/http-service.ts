import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	HeaderValueOption_HeaderAppendAction as Append,
	HeaderValueOptionSchema,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { HttpService } from "../../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { SideCalls, SideOutcome } from "../../http/side-calls.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { compileHeaderOperations, type HeaderOperations } from "../../router/headers/header-operations.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { type AuthzDecision, type HeaderChange, NO_ANSWER } from "./authz-decision.ts";
import { type AuthzRequest, type AuthzService, PARTIAL_BODY, type ShownHeaders } from "./authz-request.ts";
import { compileHeaderList } from "./header-list.ts";

const MAX_ANSWER_BYTES = 1024 * 1024;
const NO_BODY = new Uint8Array();

export interface HttpServiceScope {
	readonly problems: ProblemList;
	readonly sideCalls: SideCalls;
	readonly clock: Clock;
	readonly env: FormatEnvironment;
	/** From the filter; where it has none, the service's own (deprecated) list counts. */
	readonly shown: ShownHeaders;
}

interface Service {
	readonly cluster: string;
	readonly timeoutMs: number;
	readonly pathPrefix: string;
	readonly pathOverride: string;
	readonly shows: (name: string) => boolean;
	readonly headersToAdd: HeaderOperations | undefined;
	readonly answer: AnswerRules;
}

type NameTest = ((name: string) => boolean) | undefined;

/** Which headers of the answer go where. */
interface AnswerRules {
	readonly toUpstream: NameTest;
	readonly appendToUpstream: NameTest;
	/** Undefined: all. */
	readonly toClient: NameTest;
	readonly toClientOnSuccess: NameTest;
	readonly toMetadata: NameTest;
}

/** Compiles a service that answers over HTTP: 200 lets the request through, 5xx is an error, all else denies. */
export function compileHttpService(config: HttpService, at: FieldPath, scope: HttpServiceScope): AuthzService {
	const service = parseService(config, at, scope);
	return (request, done) => {
		const { stream, body } = request;
		const { path, authority, method } = stream.request;
		const askedAtMs = scope.clock.nowMs();
		const call = scope.sideCalls.call(
			{
				cluster: service.cluster,
				method,
				path: service.pathOverride || `${service.pathPrefix}${path}`,
				authority,
				headers: headersFor(request, service),
				body: body?.bytes ?? NO_BODY,
				timeoutMs: service.timeoutMs,
				maxBodyBytes: MAX_ANSWER_BYTES,
				forwardedFor: false,
			},
			(outcome) => done(readAnswer(outcome, service.answer, scope.clock.nowMs() - askedAtMs)),
		);
		return () => call.cancel();
	};
}

function parseService(config: HttpService, at: FieldPath, { problems, env, shown }: HttpServiceScope): Service {
	const uri = config.serverUri;
	const uriAt = at.field("server_uri");
	if (!uri?.httpUpstreamType.value) problems.add("missing", uriAt.field("cluster"), "the service names no cluster");
	if (uri && !uri.timeout) problems.add("missing", uriAt.field("timeout"), "the service has no timeout");
	if (config.pathPrefix !== "" && !config.pathPrefix.startsWith("/"))
		problems.add("invalid", at.field("path_prefix"), "the prefix must begin with a slash");
	if (config.pathPrefix !== "" && config.pathOverride !== "")
		problems.add("invalid", at.field("path_override"), "path_prefix and path_override exclude each other");
	const requestAt = at.field("authorization_request");
	const own = compileHeaderList(
		config.authorizationRequest?.allowedHeaders,
		requestAt.field("allowed_headers"),
		problems,
	);
	const add = (config.authorizationRequest?.headersToAdd ?? []).map((header) =>
		create(HeaderValueOptionSchema, { header, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD }),
	);
	const addAt = requestAt.field("headers_to_add");
	return {
		cluster: uri?.httpUpstreamType.value ?? "",
		timeoutMs: uri?.timeout ? durationMs(uri.timeout) : 0,
		pathPrefix: config.pathPrefix,
		pathOverride: config.pathOverride,
		shows: shownBy(shown.allowed ?? own, shown.disallowed),
		headersToAdd: compileHeaderOperations({ add, remove: [], addAt, removeAt: addAt }, env, problems),
		answer: parseAnswerRules(config, at.field("authorization_response"), problems),
	};
}

/** Credentials are always shown, unless they are forbidden. */
function shownBy(allowed: NameTest, disallowed: NameTest): Service["shows"] {
	return (name) =>
		(name === "authorization" || (allowed?.(name) ?? false)) &&
		name !== "content-length" &&
		!(disallowed?.(name) ?? false);
}

function parseAnswerRules(
	{ authorizationResponse: rules }: HttpService,
	at: FieldPath,
	problems: ProblemList,
): AnswerRules {
	const client = compileHeaderList(rules?.allowedClientHeaders, at.field("allowed_client_headers"), problems);
	return {
		toUpstream: compileHeaderList(rules?.allowedUpstreamHeaders, at.field("allowed_upstream_headers"), problems),
		appendToUpstream: compileHeaderList(
			rules?.allowedUpstreamHeadersToAppend,
			at.field("allowed_upstream_headers_to_append"),
			problems,
		),
		toClient: client && ((name) => CLIENT_HEADERS.has(name) || client(name)),
		toClientOnSuccess: compileHeaderList(
			rules?.allowedClientHeadersOnSuccess,
			at.field("allowed_client_headers_on_success"),
			problems,
		),
		toMetadata: compileHeaderList(
			rules?.dynamicMetadataFromHeaders,
			at.field("dynamic_metadata_from_headers"),
			problems,
		),
	};
}

/** A client that is refused always learns how to do better. */
const CLIENT_HEADERS = new Set(["www-authenticate", "location", "content-length"]);

function headersFor({ stream, body }: AuthzRequest, { shows, headersToAdd }: Service): HeaderMap {
	const { headers: all } = stream.request;
	const headers = HeaderMap.of(["content-length", String(body?.bytes.length ?? 0)]);
	for (let i = 0; i < all.size; i++) {
		if (shows(all.names[i]!)) headers.append(all.names[i]!, all.values[i]!);
	}
	if (body) headers.set(PARTIAL_BODY, String(body.partial));
	headersToAdd?.apply(headers, { info: stream.info, request: stream.request });
	return headers;
}

/** Of one connection, or made anew for the client. */
const NOT_PASSED_ON = new Set([
	...["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "host", "trailer"],
]);

function readAnswer(outcome: SideOutcome, rules: AnswerRules, tookMs: number): AuthzDecision {
	if (outcome.kind === "failed" || outcome.status >= 500) return NO_ANSWER;
	const { status, headers } = outcome;
	const metadata = metadataFrom(headers, rules.toMetadata);
	if (status !== 200) {
		const body = new TextDecoder().decode(outcome.body);
		const length = String(new TextEncoder().encode(body).length);
		const shown = pairs(headers, (name) => !NOT_PASSED_ON.has(name) && (rules.toClient?.(name) ?? true));
		const told = shown.flatMap(([name, value]) => {
			if (name !== "content-length") return [[name, value] as const];
			return body === "" ? [] : [[name, length] as const];
		});
		// Of an answer that is passed on whole, the time that it took is part, as of any upstream's.
		if (!rules.toClient) told.push(["x-envoy-upstream-service-time", String(Math.floor(tookMs))]);
		return { kind: "denied", status, body, headers: told, metadata };
	}
	const kept = (test: NameTest) =>
		pairs(headers, (name) => !NOT_PASSED_ON.has(name) && name !== "content-length" && (test?.(name) ?? false));
	return {
		kind: "ok",
		request: [
			...kept(rules.toUpstream).map(change(Append.OVERWRITE_IF_EXISTS_OR_ADD)),
			...kept(rules.appendToUpstream).map(change(Append.APPEND_IF_EXISTS_OR_ADD)),
		],
		response: kept(rules.toClientOnSuccess).map(change(Append.APPEND_IF_EXISTS_OR_ADD)),
		removeHeaders: (headers.getJoined("x-envoy-auth-headers-to-remove") ?? "")
			.split(",")
			.map((name) => name.trim())
			.filter((name) => name !== ""),
		setParameters: [],
		removeParameters: [],
		metadata,
	};
}

function pairs(headers: HeaderMap, test: (name: string) => boolean): (readonly [string, string])[] {
	return headers.names.flatMap((name, i) => (test(name) ? [[name, headers.values[i]!] as const] : []));
}

const change =
	(action: Append) =>
	([name, value]: readonly [string, string]): HeaderChange => ({ name, value, action, joins: false });

function metadataFrom(headers: HeaderMap, test: NameTest): AuthzDecision["metadata"] {
	const found = test ? pairs(headers, test) : [];
	return found.length > 0 ? Object.fromEntries(found) : undefined;
}
