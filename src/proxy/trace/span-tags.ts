import { isGrpc } from "../http/grpc-status.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { AttemptTrace } from "../http/info/request-trace.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { Span } from "./span.ts";

/** What is known of the answer. */
interface Answer {
	readonly response: ResponseHead | undefined;
	readonly trailers: HeaderMap | undefined;
}

/** gRPC statuses that tell of the server's failure, not the client's. */
const SERVER_FAILURES = new Set(["2", "4", "8", "12", "13", "14", "15"]);

/** Envoy's tags of a request (HttpTracerUtility::finalizeDownstreamSpan), the part that the request says. */
export function tagRequest({ tags }: Span, request: RequestHead, info: StreamInfo, maxPathLength: number): void {
	const { headers } = request;
	setIfAny(tags, "guid:x-request-id", headers.get("x-request-id"));
	const path = headers.get("x-envoy-original-path") ?? request.path;
	tags.set("http.url", `${request.scheme}://${request.authority}${path.slice(0, maxPathLength)}`);
	tags.set("http.method", request.method);
	tags.set("downstream_cluster", headers.get("x-envoy-downstream-service-cluster") ?? "-");
	tags.set("user_agent", headers.get("user-agent") ?? "-");
	tags.set("http.protocol", info.protocol ?? "-");
	tags.set("peer.address", info.connection?.remoteIp ?? "");
	setIfAny(tags, "guid:x-client-trace-id", headers.get("x-client-trace-id"));
	const type = headers.get("content-type");
	if (!isGrpc(type)) return;
	tags.set("grpc.path", request.path);
	tags.set("grpc.authority", request.authority);
	setIfAny(tags, "grpc.content_type", type);
	setIfAny(tags, "grpc.timeout", headers.get("grpc-timeout"));
}

/** The rest: sizes, where it went, how it ended. */
export function tagResponse({ tags }: Span, info: StreamInfo, { response, trailers }: Answer): void {
	tags.set("request_size", String(info.bytesReceived));
	tags.set("response_size", String(info.bytesSent));
	tags.set("component", "proxy");
	tagCluster(tags, info.upstreamCluster);
	tagOutcome(tags, info.responseCode, info.responseFlags);
	for (const fields of [response?.headers, trailers]) {
		const status = fields?.get("grpc-status");
		if (fields === undefined || status === undefined) continue;
		tags.set("grpc.status_code", status);
		setIfAny(tags, "grpc.message", fields.get("grpc-message"));
		if (SERVER_FAILURES.has(status)) tags.set("error", "true");
	}
}

/** The tags of one attempt (HttpTracerUtility::finalizeUpstreamSpan). */
export function tagAttempt({ tags }: Span, cluster: string, outcome: Parameters<AttemptTrace["finish"]>[0]): void {
	tags.set("http.protocol", outcome.protocol ?? "-");
	tags.set("upstream_address", outcome.host);
	tags.set("peer.address", outcome.host);
	tags.set("component", "proxy");
	if (outcome.cancelled) tags.set("canceled", "true");
	tagCluster(tags, cluster);
	tagOutcome(tags, outcome.status, outcome.flags);
}

function tagCluster(tags: Map<string, string>, cluster: string | undefined): void {
	if (cluster === undefined) return;
	tags.set("upstream_cluster", cluster);
	tags.set("upstream_cluster.name", cluster);
}

function tagOutcome(tags: Map<string, string>, status: number, flags: ReadonlySet<string>): void {
	tags.set("http.status_code", String(status));
	tags.set("response_flags", flags.size === 0 ? "-" : [...flags].join(","));
	if (status === 0 || status >= 500) tags.set("error", "true");
}

function setIfAny(tags: Map<string, string>, name: string, value: string | undefined): void {
	if (value !== undefined) tags.set(name, value);
}
