import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const COUNTERS = [
	/cluster\.(echo|mirror)\.(upstream_rq_(total|retry|completed)|retry_or_shadow_abandoned|upstream_internal.*)/,
];
const RETRY: JsonObject = {
	retry_policy: {
		retry_on: "5xx",
		num_retries: 1,
		retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
	},
};
const closing = (status: number, headers: Readonly<Record<string, string>> = {}): Answer => ({
	status,
	headers: { connection: "close", ...headers },
	finish: "close",
});
const AGAIN = [closing(503), closing(200)];

function post(name: string, path: string, bytes: number, answers: readonly Answer[] = AGAIN): Case {
	return {
		name,
		to: "in",
		send: { method: "POST", path, body: "x".repeat(bytes), headers: { "content-type": "text/plain" } },
		answers: { echo: answers },
		counters: COUNTERS,
		settleAfterMs: path.startsWith("/mirrored") ? 40 : 0,
	};
}

const REDIRECTED = [closing(302, { location: "http://test.local/plain" }), closing(200)];

scene("request buffers", {
	upstreams: { echo: http1(), mirror: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener(
					"in",
					[
						hcm({
							virtualHosts: [
								{
									name: "all",
									domains: ["*"],
									routes: [
										to("echo", "/plain", {
											early_data_policy: {
												name: "envoy.route.early_data_policy.default",
												typed_config: any("envoy.extensions.early_data.v3.DefaultEarlyDataPolicy"),
											},
										}),
										to("echo", "/retried", RETRY),
										to("echo", "/small", RETRY, { per_request_buffer_limit_bytes: 100 }),
										to("echo", "/none", RETRY, { per_request_buffer_limit_bytes: 0 }),
										to("echo", "/large", RETRY, { per_request_buffer_limit_bytes: 5000 }),
										to("echo", "/newer-small", RETRY, { request_body_buffer_limit: 100 }),
										to("echo", "/newer-none", RETRY, { request_body_buffer_limit: 0 }),
										to("echo", "/newer-large", RETRY, { request_body_buffer_limit: 5000 }),
										to("echo", "/redirected", { internal_redirect_policy: {} }),
										to(
											"echo",
											"/redirected-small",
											{ internal_redirect_policy: {} },
											{ request_body_buffer_limit: 100 },
										),
										to("echo", "/mirrored", { request_mirror_policies: [{ cluster: "mirror" }] }),
									],
								},
								{
									name: "host",
									domains: ["small.local"],
									per_request_buffer_limit_bytes: 100,
									routes: [
										to("echo", "/retried", RETRY),
										to("echo", "/large", RETRY, { request_body_buffer_limit: 5000 }),
									],
								},
								{
									name: "host2",
									domains: ["large.local"],
									request_body_buffer_limit: 5000,
									routes: [
										to("echo", "/retried", RETRY),
										to("echo", "/small", RETRY, { per_request_buffer_limit_bytes: 100 }),
									],
								},
							],
						}),
					],
					{ per_connection_buffer_limit_bytes: 1000 },
				),
				listener(
					"buffering",
					[
						hcm({
							filters: [httpFilter("buffer", "http.buffer.v3.Buffer", { max_request_bytes: 3000 })],
							routes: [to("echo", "/large", RETRY, { request_body_buffer_limit: 5000 }), to("echo", "/", RETRY)],
						}),
					],
					{ per_connection_buffer_limit_bytes: 1000 },
				),
			],
			clusters: [
				cluster("echo", [at.port("echo")], { per_connection_buffer_limit_bytes: 500 }),
				cluster("mirror", [at.port("mirror")]),
			],
		},
	}),
	cases: [
		post("small, retried", "/retried", 50),
		post("more than the cluster's buffer, retried", "/retried", 900),
		post("at the limit, retried", "/retried", 1000),
		post("beyond the listener's limit", "/retried", 1001),
		post("far beyond the listener's limit", "/retried", 200_000),
		post("route: within its limit", "/small", 100),
		post("route: beyond its limit", "/small", 101),
		post("route: nothing kept, no body", "/none", 0),
		post("route: nothing kept", "/none", 1),
		post("route: more than the listener's", "/large", 4000),
		post("route, newer field: within its limit", "/newer-small", 100),
		post("route, newer field: beyond its limit", "/newer-small", 101),
		post("route, newer field: nothing kept", "/newer-none", 1),
		post("route, newer field: more than the listener's", "/newer-large", 4000),
		post("route, newer field: beyond it", "/newer-large", 5001),
		post("a redirect with a body that is kept", "/redirected", 1000, REDIRECTED),
		post("a redirect with a body that is not", "/redirected", 30_000, REDIRECTED),
		post("a redirect with a body that is not at once", "/redirected-small", 101, REDIRECTED),
		post("mirrored", "/mirrored", 900, [{}]),
		post("mirrored beyond the limit", "/mirrored", 60_000, [{}]),
		...["/retried", "/large"].map((path) => ({
			to: "in",
			name: `virtual host: ${path}`,
			send: { method: "POST", path, headers: { host: "small.local" }, body: "x".repeat(500) },
			answers: { echo: AGAIN },
			counters: COUNTERS,
		})),
		...["/retried", "/small"].map((path) => ({
			to: "in",
			name: `virtual host with the newer field: ${path}`,
			send: { method: "POST", path, headers: { host: "large.local" }, body: "x".repeat(2000) },
			answers: { echo: AGAIN },
			counters: COUNTERS,
		})),
		...[900, 2000, 4000].flatMap((bytes) =>
			["/large", "/"].map((path) => ({
				...post(`buffered by a filter: ${bytes} to ${path}`, path, bytes),
				to: "buffering",
			})),
		),
	],
});
