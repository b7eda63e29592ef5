import type { JsonObject } from "@bufbuild/protobuf";
import { any, hcm, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { scene } from "../harness/scene.ts";
import { http1, tcp } from "../harness/upstream.ts";

const PROXY_FILTER: JsonObject = {
	name: "envoy.filters.listener.proxy_protocol",
	typed_config: any("listener.proxy_protocol.v3.ProxyProtocol"),
};

const HEAD = "GET / HTTP/1.1\r\nhost: test.local\r\n\r\n";
let web = 0;
let bytes = 0;

scene("original destinations", {
	upstreams: { web: http1(), bytes: tcp() },
	sharedUpstreams: true,
	bootstrap: (at) => {
		web = at.port("web");
		bytes = at.port("bytes");
		const passthrough: JsonObject = {
			name: "passthrough",
			type: "ORIGINAL_DST",
			connect_timeout: "1s",
			lb_policy: "CLUSTER_PROVIDED",
			cleanup_interval: "5s",
		};
		const overridden: JsonObject = {
			...passthrough,
			name: "overridden",
			original_dst_lb_config: { upstream_port_override: web },
		};
		const forward: JsonObject = {
			name: "envoy.filters.network.tcp_proxy",
			typed_config: any("network.tcp_proxy.v3.TcpProxy", {
				stat_prefix: "tcp",
				cluster: "passthrough",
				access_log: [stdoutLog()],
			}),
		};
		const captured = { listener_filters: [PROXY_FILTER] };
		return {
			static_resources: {
				listeners: [
					listener("plain", [hcm({ routes: [to("passthrough")] })]),
					listener("captured", [hcm({ routes: [to("overridden", "/other"), to("passthrough")] })], captured),
					listener("tcp", [forward]),
					listener("captured-tcp", [forward], captured),
				],
				clusters: [passthrough, overridden],
			},
		};
	},
	cases: [
		{ name: "a connection that was not captured", to: "plain", send: { path: "/" } },
		{
			name: "where the connection meant to go",
			to: "captured",
			get send() {
				return [`PROXY TCP4 127.0.0.1 127.0.0.1 1000 ${web}\r\n${HEAD}`];
			},
		},
		{
			name: "nobody there",
			to: "captured",
			send: [`PROXY TCP4 127.0.0.1 127.0.0.1 1000 1\r\n${HEAD}`],
		},
		{
			name: "another port",
			to: "captured",
			send: [`PROXY TCP4 127.0.0.1 127.0.0.1 1000 1\r\n${HEAD.replace("/ ", "/other ")}`],
		},
		{ name: "bytes that were not captured", to: "tcp", protocol: "tcp" },
		{
			name: "bytes to where they meant to go",
			to: "captured-tcp",
			protocol: "tcp",
			get send() {
				return [`PROXY TCP4 127.0.0.1 127.0.0.1 1000 ${bytes}\r\nhello`];
			},
			expectBytes: 5,
		},
	],
});
