import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const MUTATION = "envoy.filters.http.header_mutation";
const adds = (value: string): JsonObject => ({
	mutations: { request_mutations: [{ append: { header: { key: "x-by", value } } }] },
});
const mutation = (name: string, more: JsonObject = {}): JsonObject => ({
	...httpFilter("header_mutation", "http.header_mutation.v3.HeaderMutation", adds(name)),
	name,
	...more,
});
const per = (config: Record<string, JsonObject>) => ({ typed_per_filter_config: config });
const wrap = (config: JsonObject) => any("envoy.config.route.v3.FilterConfig", config);
const own = (value: string) => any("http.header_mutation.v3.HeaderMutationPerRoute", adds(value));
const metadata = (entry: JsonObject) =>
	httpFilter("set_metadata", "http.set_metadata.v3.Config", { metadata: [entry] });

scene("filter switches", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [
						metadata({ metadata_namespace: "ns", value: { a: 1, list: [1], deep: { x: "1" }, gone: true } }),
						metadata({ metadata_namespace: "ns", value: { a: "kept" } }),
						metadata({
							metadata_namespace: "ns",
							allow_overwrite: true,
							value: { a: "new", list: [2], deep: { y: "2" }, gone: "text" },
						}),
						mutation("on"),
						mutation("off", { disabled: true }),
						mutation(MUTATION),
					],
					virtualHosts: [
						{
							name: "all",
							domains: ["*"],
							...per({ on: wrap({ disabled: true }) }),
							routes: [
								to("echo", "/plain"),
								to("echo", "/enabled", {}, per({ off: wrap({ config: {} }) })),
								to("echo", "/configured", {}, per({ off: own("route") })),
								to("echo", "/wrapped", {}, per({ off: wrap({ config: own("wrapped") }) })),
								to("echo", "/again", {}, per({ on: own("route") })),
								to("echo", "/none", {}, per({ [MUTATION]: wrap({ disabled: true }) })),
								to(
									"echo",
									"/metadata",
									{ hash_policy: [] },
									{
										request_headers_to_add: [{ header: { key: "x-meta", value: "%DYNAMIC_METADATA(ns)%" } }],
									},
								),
							],
						},
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("off by the virtual host, off by itself", "/plain"),
		get("turned on", "/enabled"),
		get("turned on by its own config", "/configured"),
		get("turned on by a wrapped config", "/wrapped"),
		get("turned on again by the route", "/again"),
		get("turned off by the route", "/none"),
		get("no route", "/nowhere"),
		get("metadata that was merged", "/metadata"),
	],
});
