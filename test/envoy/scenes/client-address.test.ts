import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const IP = "envoy.extensions.http.original_ip_detection";
const xff = (config: JsonObject): JsonObject => ({ name: "xff", typed_config: any(`${IP}.xff.v3.XffConfig`, config) });
const header = (config: JsonObject): JsonObject => ({
	name: "custom",
	typed_config: any(`${IP}.custom_header.v3.CustomHeaderConfig`, { header_name: "X-Real-Ip", ...config }),
});

/** Internal addresses show in x-envoy-internal and in what of x-envoy-* stays. */
const INTERNAL = {
	internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
};

function detectionScene(name: string, more: JsonObject): void {
	const ask = (what: string, headers: Record<string, string>) =>
		get(what, "/", { "x-envoy-max-retries": "1", ...headers });
	scene(`the client's address: ${name}`, {
		upstreams: { echo: http1() },
		bootstrap: (at) => ({
			static_resources: {
				listeners: [
					{
						name: "in",
						address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
						filter_chains: [{ filters: [hcm({ routes: [to("echo")], more: { ...INTERNAL, ...more } })] }],
					},
				],
				clusters: [cluster("echo", [at.port("echo")])],
			},
		}),
		cases: [
			ask("nothing said", {}),
			ask("one address", { "x-forwarded-for": "10.1.2.3" }),
			ask("several", { "x-forwarded-for": "1.1.1.1, 10.1.2.3,192.168.0.9" }),
			ask("all trusted", { "x-forwarded-for": "192.168.0.1,192.168.0.2" }),
			ask("no address", { "x-forwarded-for": "nobody" }),
			ask("a field of its own", { "x-real-ip": "10.9.9.9", "x-forwarded-for": "8.8.8.8" }),
			ask("a field of its own that is no address", { "x-real-ip": "nobody" }),
		],
	});
}

detectionScene("x-forwarded-for by extension", { original_ip_detection_extensions: [xff({})] });
detectionScene("x-forwarded-for by extension, one trusted hop, peer appended", {
	original_ip_detection_extensions: [xff({ xff_num_trusted_hops: 1, skip_xff_append: false })],
});
detectionScene("x-forwarded-for by extension, trusted ranges", {
	original_ip_detection_extensions: [
		xff({
			xff_trusted_cidrs: {
				cidrs: [
					{ address_prefix: "127.0.0.0", prefix_len: 8 },
					{ address_prefix: "192.168.0.0", prefix_len: 16 },
				],
			},
		}),
	],
});
detectionScene("a field of its own, else x-forwarded-for", {
	original_ip_detection_extensions: [header({ allow_extension_to_set_address_as_trusted: true }), xff({})],
});
detectionScene("a field of its own, or none", {
	original_ip_detection_extensions: [header({ reject_with_status: { code: 401 } })],
});
detectionScene("the scheme is overwritten", { scheme_header_transformation: { scheme_to_overwrite: "https" } });
