import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import type { HttpService } from "../../xds/generated/envoy/config/core/v3/http_service_pb.ts";
import type { ProblemList } from "../router/problem-list.ts";
import type { Collector } from "./collector-call.ts";

const TIMEOUT_MS = 5000;
/** As Envoy reads it: what stands before the first slash is the host, with or without a scheme (Istio writes none). */
const URI = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/]*)(\/.*)?$/i;

/** Where an HttpService is: host and path of its URI, its cluster and its own headers. */
export function parseHttpService(service: HttpService, at: FieldPath, problems: ProblemList): Collector {
	const { httpUri, requestHeadersToAdd } = service;
	const uriAt = at.field("http_uri");
	const cluster = httpUri?.httpUpstreamType.case === "cluster" ? httpUri.httpUpstreamType.value : "";
	const parts = URI.exec(httpUri?.uri ?? "");
	if (!httpUri?.uri || !parts) problems.add("missing", uriAt.field("uri"), "the service has no URI");
	if (cluster === "") problems.add("missing", uriAt.field("cluster"), "the service has no cluster");
	const headers = requestHeadersToAdd.map(({ header }, i) => {
		const name = (header?.key ?? "").toLowerCase();
		if (name === "")
			problems.add("missing", at.field("request_headers_to_add").index(i).field("header"), "the header has no name");
		return [name, header?.value ?? ""] as const;
	});
	return {
		cluster,
		authority: parts?.[1] || cluster,
		path: parts?.[2] || "/",
		timeoutMs: httpUri?.timeout ? durationMs(httpUri.timeout) : TIMEOUT_MS,
		headers,
	};
}
