import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpFilter, httpListener } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const NAME = "envoy.filters.http.fault";
const abort = (status: number): JsonObject => ({
	[NAME]: any("http.fault.v3.HTTPFault", { abort: { http_status: status, percentage: { numerator: 100 } } }),
});
const off: JsonObject = { [NAME]: any("envoy.config.route.v3.FilterConfig", { disabled: true }) };
const weighted = (prefix: string, own: JsonObject | undefined, ofRoute: JsonObject | undefined): JsonObject => ({
	match: { prefix },
	route: {
		weighted_clusters: { clusters: [{ name: "echo", weight: 100, ...(own && { typed_per_filter_config: own }) }] },
	},
	...(ofRoute && { typed_per_filter_config: ofRoute }),
});

scene("filter configs of weighted clusters", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						weighted("/own", abort(481), undefined),
						weighted("/both", abort(481), abort(482)),
						weighted("/route", undefined, abort(482)),
						weighted("/off", off, abort(482)),
						weighted("/none", undefined, undefined),
					],
					filters: [httpFilter("fault", "http.fault.v3.HTTPFault")],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: ["/own", "/both", "/route", "/off", "/none"].map((path) => get(path, path)),
});
