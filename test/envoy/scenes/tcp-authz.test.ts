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

function asking(name: string, mode: string, more: JsonObject = {}, before: readonly JsonObject[] = []): JsonObject {
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
	return listener(name, [...before, filter, proxy]);
}

/** As Istio writes a CUSTOM policy: rules in the shadow say which connections are asked about. */
const bySource = (name: string, address_prefix: string): JsonObject => {
	const policy = {
		permissions: [{ any: true }],
		principals: [{ direct_remote_ip: { address_prefix, prefix_len: 32 } }],
	};
	const rbac = networkFilter("rbac", "rbac.v3.RBAC", {
		stat_prefix: "tcp.",
		shadow_rules_stat_prefix: "istio_ext_authz_",
		shadow_rules: { action: "DENY", policies: { "istio-ext-authz-mine": policy } },
	});
	const path = [{ key: "istio_ext_authz_shadow_effective_policy_id" }];
	const value = { string_match: { prefix: "istio-ext-authz-" } };
	const filter_enabled_metadata = { filter: "envoy.filters.network.rbac", path, value };
	return asking(name, "deny", { filter_enabled_metadata }, [rbac]);
};

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
				bySource("selected", "127.0.0.1"),
				bySource("others", "127.9.9.9"),
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
		ask("asked, because the rules in the shadow say so", "selected"),
		// Envoy counts `disabled` at each read, Lateen once per connection.
		{ ...ask("not asked, because they do not", "others"), counters: [/tcp\..*\.downstream_cx_total/] } as Case,
		ask("a client that sends nothing is not asked about until it leaves", "allow", { send: [], end: "half-close" }),
	],
});
