import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
	CheckRequestSchema,
	CheckResponseSchema,
} from "../../../src/xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { cluster, HTTP2_UPSTREAM, listener, stdoutLog } from "../harness/bootstrap-parts.ts";
import { serveUnary } from "../harness/grpc-service.ts";
import { type Case, scene } from "../harness/scene.ts";
import { networkFilter, TCP_LOG_FIELDS, tcpProxy } from "../harness/tcp-parts.ts";
import { tcp } from "../harness/upstream.ts";

const port = await serveUnary({
	path: "/envoy.service.auth.v3.Authorization/Check",
	request: CheckRequestSchema,
	response: CheckResponseSchema,
	answer(request, metadata) {
		const [mode] = metadata.get("x-mode");
		if (mode === "deny") return { status: { code: 7 } };
		if (mode === "unavailable") return { grpcStatus: 14 };
		if (mode === "hang") return "hang";
		// Both proxies must ask the same: what they say is logged, without ports.
		const asked = JSON.stringify(toJson(CheckRequestSchema, create(CheckRequestSchema, request)));
		return { dynamicMetadata: { asked: asked.replaceAll(/"portValue":\d+/g, '"portValue":0') } };
	},
});

function asking(name: string, mode: string, more: JsonObject = {}): JsonObject {
	const service = {
		envoy_grpc: { cluster_name: "authz" },
		timeout: "0.2s",
		initial_metadata: [{ key: "x-mode", value: mode }],
	};
	const filter = networkFilter("ext_authz", "ext_authz.v3.ExtAuthz", {
		stat_prefix: name,
		grpc_service: service,
		transport_api_version: "V3",
		...more,
	});
	const log = { ...TCP_LOG_FIELDS, asked: "%DYNAMIC_METADATA(envoy.filters.network.ext_authz:asked)%" };
	const proxy = tcpProxy("echo", { stat_prefix: name, access_log: [stdoutLog({ json_format: log })] });
	return listener(name, [filter, proxy]);
}

const ask = (name: string, to: string, more: object = {}): Case =>
	({
		name,
		connections: [{ protocol: "tcp", to, send: ["hello"], expectBytes: 5, withinMs: 500, ...more }],
		counters: [new RegExp(`ext_authz\\.${to}\\..*`), /tcp\..*\.downstream_cx_(total|rx_bytes_total)/],
		settleAfterMs: 20,
	}) as Case;

scene("ext_authz of connections", {
	upstreams: { echo: tcp() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				asking("allow", "allow"),
				asking("session", "allow", { include_tls_session: true, include_peer_certificate: true }),
				asking("deny", "deny"),
				asking("unavailable", "unavailable"),
				asking("open", "unavailable", { failure_mode_allow: true }),
				asking("hang", "hang"),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("authz", [port], HTTP2_UPSTREAM)],
		},
	}),
	cases: [
		ask("allowed", "allow"),
		ask("allowed, with what is told of TLS", "session"),
		ask("denied", "deny"),
		ask("a service that fails", "unavailable"),
		ask("a service that fails, where that lets through", "open"),
		ask("a service that does not answer", "hang"),
		ask("a client that sends nothing is not asked about until it leaves", "allow", { send: [], end: "half-close" }),
	],
});
