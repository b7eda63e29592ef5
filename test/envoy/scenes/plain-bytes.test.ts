import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpListener, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { scene } from "../harness/scene.ts";
import { http1, tcp } from "../harness/upstream.ts";

const tcpProxy = (name: string): JsonObject => ({
	name: "envoy.filters.network.tcp_proxy",
	typed_config: any("network.tcp_proxy.v3.TcpProxy", { stat_prefix: "tcp", cluster: name, access_log: [stdoutLog()] }),
});

scene("plain bytes", {
	upstreams: { echo: http1(), bytes: tcp() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [httpListener({ routes: [to("echo")] }), listener("tcp", [tcpProxy("bytes")])],
			clusters: [cluster("echo", [at.port("echo")]), cluster("bytes", [at.port("bytes")])],
		},
	}),
	cases: [
		{ name: "echo", protocol: "tcp", to: "tcp", send: ["hello"], expectBytes: 5 },
		{ name: "half-close", protocol: "tcp", to: "tcp", send: ["hello"], end: "half-close" },
		{
			name: "the upstream speaks first and ends",
			protocol: "tcp",
			to: "tcp",
			answers: { bytes: [{ greet: "220 ready\r\n", finish: "close" }] },
		},
		{
			name: "connections at the same time",
			connections: [{ send: { path: "/1" } }, { send: { path: "/2" } }],
			parallel: true,
			unordered: true,
		},
	],
});
