import { cluster, httpFilter, httpListener, says, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

scene("direct replies", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [says({ prefix: "/text" }, "from the route"), to("echo")],
					filters: [
						httpFilter("fault", "http.fault.v3.HTTPFault", {
							abort: { header_abort: {}, percentage: { numerator: 100 } },
						}),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("a body of the route", "/text"),
		get("a fault that the client asks for", "/text", { "x-envoy-fault-abort-request": "418" }),
	],
});
