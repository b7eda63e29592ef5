import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { FilterConfigSchema } from "../../../xds/generated/envoy/config/filter/http/alpn/v2alpha1/config_pb.ts";
import type { ClusterInfo, UpstreamCluster } from "../../cluster/cluster.ts";
import { APPLICATION_PROTOCOLS } from "../../http/info/filter-state-keys.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { istioAlpnFilter } from "./istio-alpn.ts";

const CONFIG = fromJson(FilterConfigSchema, {
	alpn_override: [
		{ upstream_protocol: "HTTP10", alpn_override: ["istio-http/1.0", "istio", "http/1.0"] },
		{ upstream_protocol: "HTTP11", alpn_override: ["istio-http/1.1", "istio", "http/1.1"] },
		{ upstream_protocol: "HTTP2", alpn_override: ["istio-h2", "istio", "h2"] },
	],
});

function firstOffered(info: Partial<ClusterInfo> | undefined, protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2"): unknown {
	const cluster = info && ({ info: { metadata: {}, ...info } } as UpstreamCluster);
	const factory = istioAlpnFilter(testDeps({ clusters: { get: () => cluster } }));
	const request = testRequest("/");
	request.protocol = protocol;
	const stream = new TestStream(request, routeWith("istio.alpn", undefined, factory));
	factory.parse(CONFIG, "f", "istio.alpn").create().decodeHeaders!(stream, true);
	return (stream.info.filterState.get(APPLICATION_PROTOCOLS) as string[] | undefined)?.[0];
}

test("the list follows the protocol spoken upstream", () => {
	assert.equal(firstOffered({ httpProtocol: "http1" }, "HTTP/2"), "istio-http/1.1");
	assert.equal(firstOffered({ httpProtocol: "http2" }, "HTTP/1.1"), "istio-h2");
	assert.equal(firstOffered({ httpProtocol: "downstream" }, "HTTP/1.0"), "istio-http/1.0");
	assert.equal(firstOffered({ httpProtocol: "downstream" }, "HTTP/2"), "istio-h2");
});

test("clusters may keep their own list", () => {
	const metadata = { istio: { alpn_override: "false" } };
	assert.equal(firstOffered({ httpProtocol: "http1", metadata }, "HTTP/1.1"), undefined);
	assert.equal(firstOffered(undefined, "HTTP/1.1"), undefined);
});
