import { RE2JS } from "re2js";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { HttpRoute } from "../virtual-service-spec.ts";
import { checkDestination } from "./destination-check.ts";
import { checkDuration, checkHeaderName, checkPercent, checkPort, checkRange, checkRegex } from "./primitives.ts";
import type { Report } from "./report.ts";
import { isGrpcStatus, isRetryCondition } from "./status-words.ts";

type Part<K extends keyof HttpRoute> = NonNullable<HttpRoute[K]>;

const ANY_STATUS = [200, 600] as const;
const MAX_BODY = 1024 * 1024;
const LARGE_BODY = 100 * 1024;

/** `redirect`, together with the rule's path matches. */
export function checkRedirect(route: HttpRoute, path: FieldPath, report: Report): void {
	const redirect = route.redirect!;
	const at = path.field("redirect");
	if (redirect.uri && redirect.prefixRewrite) report.error("LTN1310", at, "uri and prefixRewrite cannot both be set");
	const notPrefix = (route.match ?? []).some(({ uri }) => uri && uri.prefix === undefined);
	if (redirect.prefixRewrite && notPrefix)
		report.error("LTN1310", at.field("prefixRewrite"), "prefixRewrite needs matches by uri.prefix");
	const { redirectCode: code, scheme } = redirect;
	const hasTarget = [
		redirect.uri,
		redirect.prefixRewrite,
		redirect.authority,
		redirect.port,
		redirect.derivePort,
		scheme,
	].some((value) => value !== undefined && value !== "");
	if (!hasTarget)
		report.error("LTN1310", at, "the redirect does not say where to", "set uri, authority, scheme or port");
	if (code !== undefined && code !== 0) checkRange(code, [300, 399], at.field("redirectCode"), report);
	if (scheme && scheme !== "http" && scheme !== "https")
		report.error("LTN1310", at.field("scheme"), `scheme ${scheme} is neither http nor https`);
	checkPort(redirect.port, at.field("port"), report);
}

export function checkDirectResponse(response: Part<"directResponse">, path: FieldPath, report: Report): void {
	checkRange(response.status, ANY_STATUS, path.field("status"), report);
	const size = response.body?.string?.length ?? Math.floor(((response.body?.bytes?.length ?? 0) * 3) / 4);
	if (size > MAX_BODY) report.error("LTN1311", path.field("body"), `the body is larger than ${MAX_BODY} bytes`);
	else if (size > LARGE_BODY)
		report.warn("LTN1311", path.field("body"), "a large body is held by every proxy", "serve it from an application");
}

export function checkRewrite(rewrite: Part<"rewrite">, path: FieldPath, report: Report): void {
	const { uri, authority, uriRegexRewrite: regex } = rewrite;
	if (!uri && !authority && !regex)
		report.error("LTN1312", path, "the rewrite changes nothing", "set uri, uriRegexRewrite or authority");
	if (uri && regex) report.error("LTN1312", path, "uri and uriRegexRewrite cannot both be set");
	if (!regex) return;
	const at = path.field("uriRegexRewrite");
	if (!regex.match || !regex.rewrite) report.error("LTN1312", at, "match and rewrite are both needed");
	else {
		checkRegex(regex.match, at.field("match"), report);
		checkSubstitution(regex.match, regex.rewrite, at.field("rewrite"), report);
	}
}

/** `\\1` stands for a group of the expression, a backslash of its own is written twice: proxies refuse anything else. */
function checkSubstitution(expression: string, text: string, path: FieldPath, report: Report): void {
	for (const [whole, next] of text.matchAll(/\\([\s\S]?)/g)) {
		if (next === "\\") continue;
		if (next === undefined || !/\d/.test(next))
			report.error(
				"LTN1312",
				path,
				`${whole} is neither a group such as \\1 nor a backslash`,
				"write \\\\ for a backslash",
			);
		else if (Number(next) > groupCount(expression))
			report.error("LTN1312", path, `the expression has no group ${next}`);
	}
}

/** How many groups a pattern captures; those of an invalid one are told elsewhere. */
function groupCount(expression: string): number {
	try {
		return RE2JS.compile(expression).groupCount();
	} catch {
		return Number.POSITIVE_INFINITY;
	}
}

export function checkRetries(retries: Part<"retries">, path: FieldPath, report: Report): void {
	const { attempts = 0, perTryTimeout, retryOn, retryRemoteLocalities, backoff } = retries;
	if (attempts < 0)
		report.error("LTN1313", path.field("attempts"), `${attempts} attempts`, "use 0 to turn retries off");
	if (attempts === 0 && (perTryTimeout || retryOn || retryRemoteLocalities))
		report.error(
			"LTN1313",
			path,
			"with 0 attempts nothing is retried, so the other settings have no effect",
			"set attempts",
		);
	checkDuration(perTryTimeout, path.field("perTryTimeout"), report);
	checkDuration(backoff, path.field("backoff"), report);
	for (const word of retryOn ? retryOn.split(",") : [])
		if (!isRetryCondition(word))
			report.error(
				"LTN1313",
				path.field("retryOn"),
				`${JSON.stringify(word)} is no retry condition`,
				word === word.trim() ? "" : "remove the blanks",
			);
}

export function checkFault({ delay, abort }: Part<"fault">, path: FieldPath, report: Report): void {
	if (!delay && !abort) report.error("LTN1314", path, "the fault has neither delay nor abort");
	if (delay) {
		const at = path.field("delay");
		if (delay.exponentialDelay)
			report.error(
				"LTN1115",
				at.field("exponentialDelay"),
				"exponentialDelay is not supported by any proxy",
				"use fixedDelay",
			);
		checkDuration(delay.fixedDelay, at.field("fixedDelay"), report);
		checkPercent(delay.percentage?.value, at.field("percentage"), report);
		checkRange(delay.percent, [0, 100], at.field("percent"), report);
		if (delay.percent !== undefined)
			report.warn("LTN1116", at.field("percent"), "percent is deprecated", "use percentage.value");
	}
	if (abort) checkAbort(abort, path.field("abort"), report);
}

function checkAbort(abort: NonNullable<Part<"fault">["abort"]>, path: FieldPath, report: Report): void {
	const { httpStatus, grpcStatus, http2Error } = abort;
	if (httpStatus === undefined && grpcStatus === undefined && http2Error === undefined)
		report.warn("LTN1314", path, "the abort does not say which error to answer with", "set httpStatus or grpcStatus");
	if (http2Error !== undefined)
		report.error("LTN1115", path.field("http2Error"), "http2Error is not supported by any proxy", "use httpStatus");
	checkRange(httpStatus, ANY_STATUS, path.field("httpStatus"), report);
	if (grpcStatus !== undefined && !isGrpcStatus(grpcStatus))
		report.error("LTN1314", path.field("grpcStatus"), `${JSON.stringify(grpcStatus)} is no gRPC status name`);
	checkPercent(abort.percentage?.value, path.field("percentage"), report);
}

const CORS_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"]);

export function checkCors(cors: Part<"corsPolicy">, path: FieldPath, report: Report): void {
	for (const [i, origin] of (cors.allowOrigins ?? []).entries())
		checkOrigin(origin, path.field("allowOrigins").index(i), report);
	for (const [i, method] of (cors.allowMethods ?? []).entries())
		if (!CORS_METHODS.has(method))
			report.error("LTN1315", path.field("allowMethods").index(i), `${JSON.stringify(method)} is no HTTP method`);
	for (const name of ["allowHeaders", "exposeHeaders"] as const)
		for (const [i, header] of (cors[name] ?? []).entries())
			if (header !== "*") checkHeaderName(header, path.field(name).index(i), report);
	checkWholeSeconds(cors.maxAge, path.field("maxAge"), report);
}

function checkOrigin(
	origin: NonNullable<Part<"corsPolicy">["allowOrigins"]>[number],
	path: FieldPath,
	report: Report,
): void {
	if (!origin.exact && !origin.prefix && !origin.regex) report.error("LTN1315", path, "the origin is empty");
	if (origin.regex) checkRegex(origin.regex, path.field("regex"), report);
}

function checkWholeSeconds(text: string | undefined, path: FieldPath, report: Report): void {
	if (text === undefined) return;
	checkDuration(text, path, report, true);
	if (/\d(ms|us|µs|ns)/.test(text) || /\.\d*[1-9]/.test(text))
		report.error("LTN1103", path, `${text} has a part below one second`);
}

/** `mirror`, `mirrors` and their percentages. */
export function checkMirrors(route: HttpRoute, path: FieldPath, report: Report): void {
	if (route.mirrorPercent !== undefined) {
		report.warn("LTN1116", path.field("mirrorPercent"), "mirrorPercent is deprecated", "use mirrorPercentage.value");
		checkRange(route.mirrorPercent, [0, 100], path.field("mirrorPercent"), report);
	}
	checkRange(route.mirrorPercentage?.value, [0, 100], path.field("mirrorPercentage").field("value"), report);
	for (const [i, mirror] of (route.mirrors ?? []).entries()) {
		const at = path.field("mirrors").index(i);
		checkDestination(mirror.destination, at.field("destination"), report);
		checkRange(mirror.percentage?.value, [0, 100], at.field("percentage").field("value"), report);
	}
}
