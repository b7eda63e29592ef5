import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TcpProxy_TunnelingConfig as TunnelingConfig } from "../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { UuidRequestIdConfigSchema } from "../../../xds/generated/envoy/extensions/request_id/uuid/v3/uuid_pb.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { compileTextFormat } from "../../router/format/text-format.ts";
import { compileHeaderOperations } from "../../router/headers/header-operations.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { invalid, missing } from "../network-problems.ts";
import type { TunnelingSettings } from "./tcp-proxy-config.ts";

/** Reads `tunneling_config`. */
export function parseTunneling(
	message: TunnelingConfig | undefined,
	at: FieldPath,
	env: FormatEnvironment,
	problems: ProblemList,
): TunnelingSettings | undefined {
	if (!message) return undefined;
	if (message.hostname === "") problems.problems.push(missing(at.field("hostname")));
	const id = message.requestIdExtension?.typedConfig;
	if (id && !unpackAs(id, UuidRequestIdConfigSchema))
		problems.notImplemented(at.field("request_id_extension"), "this kind of request id");
	if (message.postPath !== "" && !message.usePost)
		problems.problems.push(invalid(at.field("post_path"), "a path is for POST only", "set use_post, or remove it"));
	const lists = {
		add: message.headersToAdd,
		remove: [],
		addAt: at.field("headers_to_add"),
		removeAt: at.field("headers_to_remove"),
	};
	return {
		hostname: compileTextFormat(message.hostname, { env, missing: "" }, at.field("hostname"), problems),
		postPath: message.usePost ? message.postPath || "/" : undefined,
		headers: compileHeaderOperations(lists, env, problems),
		keepsHeaders: message.propagateResponseHeaders,
		keepsTrailers: message.propagateResponseTrailers,
		requestId: message.requestIdExtension && {
			header: message.requestIdHeader.toLowerCase() || "x-request-id",
			metadataKey: message.requestIdMetadataKey || "tunnel_request_id",
		},
	};
}
