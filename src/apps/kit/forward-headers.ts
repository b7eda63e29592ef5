import type { AppRequest } from "./request.ts";

/** Headers that Bookinfo's services hand on, so that a trace, a session or a canary mark survives each hop. */
const BOOKINFO_HEADERS = [
	"x-request-id",
	"x-ot-span-context",
	"x-datadog-trace-id",
	"x-datadog-parent-id",
	"x-datadog-sampling-priority",
	"traceparent",
	"tracestate",
	"x-cloud-trace-context",
	"grpc-trace-bin",
	"x-b3-traceid",
	"x-b3-spanid",
	"x-b3-parentspanid",
	"x-b3-sampled",
	"x-b3-flags",
	"sw8",
	"user-agent",
	"cookie",
	"authorization",
	"jwt",
] as const;

/** The named incoming headers, for an outgoing call. */
export function pickHeaders(request: AppRequest, names: readonly string[]): Record<string, string | string[]> {
	const picked: Record<string, string | string[]> = {};
	for (const name of names) {
		const value = request.headers[name];
		if (value !== undefined) picked[name] = value;
	}
	return picked;
}

export function bookinfoHeaders(request: AppRequest): Record<string, string | string[]> {
	return pickHeaders(request, BOOKINFO_HEADERS);
}
