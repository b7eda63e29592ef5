import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { seededRandom } from "../../lib/random.ts";
import { RouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead } from "../http/message.ts";
import type { FormatEnvironment } from "./format/format-context.ts";
import { compileRouteConfiguration, type RouteCompileDeps } from "./route-configuration.ts";
import type { RouteMatch, RouteTable } from "./route-match.ts";

/** For tests: an environment with fixed answers. */
export const testEnv: FormatEnvironment = {
	hostname: "test-host",
	nowMs: () => 1000,
	environment: (name) => (name === "REGION" ? "eu" : undefined),
};

/** For tests: the route configuration in proto3 JSON, compiled. */
export function tableOf(json: JsonValue, deps: Partial<RouteCompileDeps> = {}): RouteTable {
	const config = fromJson(RouteConfigurationSchema, json, { registry: xdsRegistry() });
	return compileRouteConfiguration(config, { env: testEnv, parseFilterConfig: (_, any) => any.typeUrl, ...deps });
}

/** For tests: one virtual host `*` with these routes. */
export function tableOfRoutes(...routes: JsonValue[]): RouteTable {
	return tableOf({ name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] });
}

/** For tests: a GET over plaintext HTTP/1.1; header names are lower-cased. */
export function testRequest(
	path: string,
	headers: Readonly<Record<string, string>> = {},
	head: Partial<RequestHead> = {},
): RequestHead {
	const map = new HeaderMap();
	for (const [name, value] of Object.entries(headers)) map.append(name.toLowerCase(), value);
	return {
		method: "GET",
		path,
		authority: "host.example",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers: map,
		...head,
	};
}

/** For tests: a stream with the given parts known. */
export function testInfo(known: Partial<StreamInfo> = {}): StreamInfo {
	return {
		startEpochMs: Date.UTC(2026, 0, 31, 8, 5, 9, 123),
		startMs: 900,
		durationMs: undefined,
		protocol: "HTTP/1.1",
		connection: undefined,
		responseCode: 0,
		responseCodeDetails: "",
		responseFlags: new Set(),
		connectionTerminationDetails: "",
		bytesReceived: 0,
		bytesSent: 0,
		downstreamRemoteAddress: "127.0.0.9:4000",
		downstreamLocalAddress: "127.0.0.1:80",
		upstreamHost: undefined,
		upstreamLocalAddress: undefined,
		upstreamTls: undefined,
		upstreamCluster: undefined,
		upstreamTransportFailureReason: "",
		upstreamServiceTimeMs: undefined,
		requestedServerName: undefined,
		routeName: undefined,
		virtualHostName: undefined,
		attemptCount: 0,
		requestId: undefined,
		trace: undefined,
		healthCheck: false,
		dynamicMetadata: new Map(),
		filterState: new Map(),
		...known,
	};
}

/** For tests: the route of a request. */
export function matchOf(table: RouteTable, request: RequestHead, random = seededRandom(1)): RouteMatch | undefined {
	return table.match(request, { random, info: testInfo() });
}
