import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const MONITORS = "type.googleapis.com/envoy.extensions.resource_monitors";

/** Any process holds more than a byte: the heap is full from the first look on. */
const FULL_HEAP = {
	name: "heap",
	typed_config: { "@type": `${MONITORS}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: "1" },
};

const bootstrapWith = (overload_manager: JsonObject) => (at: { port(name: string): number }) => ({
	overload_manager,
	static_resources: {
		listeners: [httpListener({ routes: [to("echo")] })],
		clusters: [cluster("echo", [at.port("echo")])],
	},
});

const full = (action: string) => ({
	refresh_interval: "0.01s",
	resource_monitors: [FULL_HEAP],
	actions: [
		{
			name: `envoy.overload_actions.${action}`,
			triggers: [{ name: "heap", threshold: { value: 0.9 } }],
		},
	],
});

scene("overload: requests are refused", {
	upstreams: { echo: http1() },
	bootstrap: bootstrapWith(full("stop_accepting_requests")),
	cases: [
		get("by 503, without a flag", "/"),
		{ name: "one after the other on a connection", send: [{ path: "/1" }, { path: "/2" }] },
		{ name: "with a body", send: { method: "POST", path: "/", body: "abc" } },
	],
});

scene("overload: keep-alive ends", {
	upstreams: { echo: http1() },
	bootstrap: bootstrapWith(full("disable_http_keepalive")),
	cases: [
		get("the answer closes", "/", {}, { differs: "early-fin" }),
		{ name: "post", send: { method: "POST", path: "/", body: "abc" }, differs: "early-fin" },
	],
});

scene("overload: load is shed when heads are decoded", {
	upstreams: { echo: http1() },
	bootstrap: bootstrapWith({
		refresh_interval: "0.01s",
		resource_monitors: [FULL_HEAP],
		loadshed_points: [
			{
				name: "envoy.load_shed_points.http_connection_manager_decode_headers",
				triggers: [{ name: "heap", threshold: { value: 0.9 } }],
			},
		],
	}),
	cases: [get("by 503", "/")],
});

scene("overload: a listener beside the overload manager", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		overload_manager: full("stop_accepting_requests"),
		static_resources: {
			listeners: [
				httpListener({ routes: [to("echo")] }),
				{ ...httpListener({ routes: [to("echo")] }, "aside"), bypass_overload_manager: true },
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		{ name: "requests are refused", to: "in", send: { path: "/" } },
		{ name: "requests are served here", to: "aside", send: [{ path: "/1" }, { path: "/2" }] },
	],
});
