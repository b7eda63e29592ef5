import { s } from "../schema-builder.ts";
import { destination, headers, labels, percent, stringMatch } from "./shared-fields.ts";

const httpMatch = () =>
	s.object({
		name: s.string().doc("Name of the match; becomes part of the route's name."),
		uri: stringMatch().doc("Test of the path, query left out."),
		scheme: stringMatch().doc("Test of the URI scheme."),
		method: stringMatch().doc("Test of the HTTP method."),
		authority: stringMatch().doc("Test of the authority (Host), port included when sent."),
		headers: s.map(stringMatch()).doc("Tests of request headers by lower-case name; `{}` asks for presence."),
		port: s.uint32().doc("Port that the client addressed."),
		sourceLabels: labels().doc("Labels that the calling workload must carry."),
		gateways: s.list(s.string()).doc("Gateways to which this match applies; replaces the rule's list."),
		queryParams: s.map(stringMatch()).doc("Tests of query parameters by name."),
		ignoreUriCase: s.bool().doc("Compare exact and prefix paths without regard to case."),
		withoutHeaders: s.map(stringMatch()).doc("Tests of headers that must fail."),
		sourceNamespace: s.string().doc("Namespace of the calling workload."),
		statPrefix: s.string().doc("Prefix of the statistics of the matched route."),
	});

const redirect = () =>
	s.object(
		{
			uri: s.string().doc("Path to redirect to."),
			prefixRewrite: s.string().doc("Text in place of the matched prefix."),
			authority: s.string().doc("Host to redirect to."),
			port: s.uint32().doc("Port to redirect to."),
			derivePort: s
				.enumOf("FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT")
				.doc("Where the port of the new location comes from."),
			scheme: s.string().doc("Scheme of the new location."),
			redirectCode: s.uint32().doc("Status of the answer; 301 unless set."),
		},
		[["port", "derivePort"]],
	);

const directResponse = () =>
	s.object({
		status: s.uint32().doc("Status of the answer.").required(),
		body: s
			.object({ string: s.string().doc("Body as text."), bytes: s.bytes().doc("Body as base64.") }, [
				["string", "bytes"],
			])
			.doc("Body of the answer."),
	});

const rewrite = () =>
	s.object({
		uri: s.string().doc("Text in place of the matched prefix, or of the whole path after an exact match."),
		authority: s.string().doc("Host to send upstream."),
		uriRegexRewrite: s
			.object({
				match: s.string().doc("RE2 expression searched in the path."),
				rewrite: s.string().doc("Replacement, `\\1` names a group."),
			})
			.doc("Rewrites the path by a regular expression."),
	});

const retries = () =>
	s.object({
		attempts: s.int32().doc("Further tries after the first; 0 turns retries off."),
		perTryTimeout: s.duration().doc("Longest wait for each try."),
		retryOn: s.string().doc("What is tried again: comma list of Envoy's conditions and status codes."),
		retryRemoteLocalities: s.bool().doc("Also try endpoints of other localities."),
		retryIgnorePreviousHosts: s.bool().doc("Prefer endpoints that were not tried yet."),
		backoff: s.duration().doc("Base of the growing wait between tries."),
	});

const fault = () =>
	s.object({
		delay: s
			.object(
				{
					fixedDelay: s.duration().doc("How long a chosen request is held back."),
					exponentialDelay: s.duration().doc("Not supported by any proxy."),
					percent: s.int32().doc("Old form of the share, whole percent."),
					percentage: percent().doc("Share of requests that are delayed; none when absent."),
				},
				[["fixedDelay", "exponentialDelay"]],
			)
			.doc("Holds requests back."),
		abort: s
			.object(
				{
					httpStatus: s.int32().doc("HTTP status of the answer."),
					grpcStatus: s.string().doc("gRPC status name of the answer, such as UNAVAILABLE."),
					http2Error: s.string().doc("Not supported by any proxy."),
					percentage: percent().doc("Share of requests that are aborted; none when absent."),
				},
				[["httpStatus", "grpcStatus", "http2Error"]],
			)
			.doc("Answers requests with an error."),
	});

const corsPolicy = () =>
	s.object({
		allowOrigin: s.list(s.string()).doc("Old list of allowed origins; use allowOrigins."),
		allowOrigins: s.list(stringMatch()).doc("Origins that may read the answers."),
		allowMethods: s.list(s.string()).doc("Methods named in preflight answers."),
		allowHeaders: s.list(s.string()).doc("Request headers named in preflight answers."),
		exposeHeaders: s.list(s.string()).doc("Response headers that scripts may read."),
		maxAge: s.duration().doc("How long a preflight answer may be cached."),
		allowCredentials: s.bool().doc("Whether requests may carry credentials."),
		unmatchedPreflights: s
			.enumOf("UNSPECIFIED", "FORWARD", "IGNORE")
			.doc("What happens to preflights of other origins."),
	});

const routeDestination = () =>
	s.object({
		destination: destination().doc("Where the traffic goes.").required(),
		weight: s.int32().doc("Share relative to the other destinations."),
		headers: headers().doc("Header changes for this destination only."),
	});

/** One entry of `spec.http`. */
export const httpRoute = () =>
	s.object({
		name: s.string().doc("Name of the route, seen in access logs."),
		match: s
			.list(httpMatch())
			.doc("Blocks of conditions: one block must hold in full. None at all matches everything."),
		route: s.list(routeDestination()).doc("Destinations among which matched requests are shared by weight."),
		redirect: redirect().doc("Answers with a redirect instead of forwarding."),
		directResponse: directResponse().doc("Answers with a fixed response instead of forwarding."),
		delegate: s
			.object({
				name: s.string().doc("Name of the VirtualService."),
				namespace: s.string().doc("Its namespace; the rule's own when absent."),
			})
			.doc("VirtualService whose rules take over from here."),
		rewrite: rewrite().doc("Changes path and host before forwarding."),
		timeout: s.duration().doc("Longest time for the whole request, retries included; none unless set."),
		retries: retries().doc("When and how often failed requests are tried again."),
		fault: fault().doc("Faults to inject, for tests."),
		mirror: destination().doc("Destination that gets a copy of each request."),
		mirrors: s
			.list(
				s.object({
					destination: destination().doc("Destination of the copies.").required(),
					percentage: percent().doc("Share of requests that are copied; all when absent."),
				}),
			)
			.doc("Several destinations for copies."),
		mirrorPercent: s.uint32().doc("Old form of the mirrored share."),
		mirrorPercentage: percent().doc("Share of requests that `mirror` copies; all when absent."),
		corsPolicy: corsPolicy().doc("Cross-origin rules."),
		headers: headers().doc("Header changes for all destinations."),
	});
