import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../lib/clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";

import { packAny } from "../../xds/any.ts";
import { TypedStructSchema } from "../../xds/generated/udpa/type/v1/typed_struct_pb.ts";
import type { ClusterLookup, Host, UpstreamCluster } from "../cluster/cluster.ts";
import { HeaderMap } from "../http/header-map.ts";
import { type ConnectionInfo, plainConnection } from "../http/info/connection-info.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import { tableOf, testEnv, testInfo, testRequest } from "../router/route-fixture.ts";
import type { RouteMatch } from "../router/route-match.ts";
import { FakeSideCalls } from "./fake-side-calls.ts";
import { perRouteParser } from "./filter-chain.ts";
import { CallBook } from "./grpc-stats/call-book.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "./http-filter.ts";
import type { HttpFilterDeps } from "./http-filters.ts";
import { istioFamilies } from "./istio-stats/istio-families.ts";
import { fakeJwtCrypto } from "./jwt-authn/fake-jwt-crypto.ts";
import { workloadOfNode } from "./workload-metadata.ts";

/** For tests: what filters are built with, and a look into it. */
export interface TestDeps extends HttpFilterDeps {
	readonly clock: ManualClock;
	readonly registry: MetricRegistry;
	readonly sideCalls: FakeSideCalls;
	count(name: string): number;
}

export const PRODUCTPAGE = workloadOfNode("sidecar~127.1.1.1~productpage-v1-x.default~default.svc.cluster.local", {
	NAME: "productpage-v1-x",
	NAMESPACE: "default",
	WORKLOAD_NAME: "productpage-v1",
	OWNER: "kubernetes://apis/apps/v1/namespaces/default/deployments/productpage-v1",
	CLUSTER_ID: "Kubernetes",
	LABELS: {
		app: "productpage",
		version: "v1",
		"service.istio.io/canonical-name": "productpage",
		"service.istio.io/canonical-revision": "v1",
	},
});

export function testDeps(known: Partial<HttpFilterDeps> = {}): TestDeps {
	const registry = new MetricRegistry();
	const scope = registry.scope("http.test.");
	return {
		direction: "outbound",
		clock: new ManualClock(),
		random: seededRandom(1),
		clusters: { get: () => undefined },
		sideCalls: new FakeSideCalls(),
		jwtCrypto: fakeJwtCrypto,
		node: PRODUCTPAGE,
		istio: istioFamilies(registry),
		registry,
		env: testEnv,
		serviceCluster: "test-cluster",
		failing: () => false,
		metrics: registry,
		calls: new CallBook(registry),
		codecs: { open: () => ({ write() {}, end() {}, close() {} }) },
		counter: (name) => scope.counter(name),
		gauge: (name) => scope.gauge(name),
		count: (name) => scope.counter(name).value,
		...known,
	} as TestDeps;
}

/** For tests: clusters with metadata and hosts, the rest unused. */
export function testClusters(
	clusters: Readonly<
		Record<string, { metadata?: UpstreamCluster["info"]["metadata"]; hosts?: readonly Partial<Host>[] }>
	>,
): ClusterLookup {
	return {
		get(name) {
			const cluster = clusters[name];
			const fake = cluster && { name, info: { metadata: cluster.metadata ?? {} }, hosts: () => cluster.hosts ?? [] };
			return fake as unknown as UpstreamCluster | undefined;
		},
	};
}

/** For tests: a stream that records what filters do to it. */
export class TestStream implements FilterStream {
	readonly request: RequestHead;
	readonly info: StreamInfo;
	readonly #route: RouteMatch | undefined;
	readonly connection: ConnectionInfo = plainConnection({
		remoteAddress: "127.0.0.9",
		remotePort: 4000,
		localAddress: "127.0.0.1",
		localPort: 80,
	});
	response: ResponseHead | undefined;
	reply: LocalReply | undefined;
	/** Calls of continueDecoding and continueEncoding. */
	continued = 0;
	encodingContinued = 0;
	/** What the test says is held. */
	held: { request: Uint8Array; response: Uint8Array } = { request: new Uint8Array(), response: new Uint8Array() };
	readonly injected: { readonly request: Uint8Array[]; readonly response: Uint8Array[] } = {
		request: [],
		response: [],
	};
	readonly limits: { request?: number; response?: number } = {};
	/** Pauses that were not taken back. */
	readonly pauses: { request: number; response: number } = { request: 0, response: 0 };
	routeCleared = 0;
	override: { readonly address: string; readonly strict: boolean } | undefined;

	constructor(request: RequestHead, route?: RouteMatch, info: Partial<StreamInfo> = {}) {
		this.request = request;
		this.#route = route;
		this.info = testInfo(info);
	}

	route(): RouteMatch | undefined {
		return this.#route;
	}

	demandRoute(): boolean {
		return false;
	}

	routeConfig(filterName: string): unknown {
		return this.#route?.perFilterConfig(filterName);
	}

	sendLocalReply(reply: LocalReply): void {
		this.reply = reply;
	}

	continueDecoding(_filter: HttpFilter): void {
		this.continued++;
	}

	continueEncoding(_filter: HttpFilter): void {
		this.encodingContinued++;
	}

	clearRoute(): void {
		this.routeCleared++;
	}

	heldRequest(_filter: HttpFilter): Uint8Array {
		return this.held.request;
	}

	heldResponse(_filter: HttpFilter): Uint8Array {
		return this.held.response;
	}

	injectRequest(_filter: HttpFilter, bytes: Uint8Array): void {
		this.injected.request.push(bytes);
	}

	injectResponse(_filter: HttpFilter, bytes: Uint8Array): void {
		this.injected.response.push(bytes);
	}

	limitRequestBuffer(maxBytes: number): void {
		this.limits.request = maxBytes;
	}

	limitResponseBuffer(maxBytes: number): void {
		this.limits.response = maxBytes;
	}

	pauseRequest(): void {
		this.pauses.request++;
	}

	resumeRequest(): void {
		this.pauses.request--;
	}

	pauseResponse(): void {
		this.pauses.response++;
	}

	resumeResponse(): void {
		this.pauses.response--;
	}

	overrideHost(address: string, strict: boolean): void {
		this.override = { address, strict };
	}

	/** The response head that a filter's `encodeHeaders` makes of the local reply (or of a 200). */
	encodeWith(
		filter: HttpFilter,
		headers: readonly (readonly [string, string])[] = this.reply?.headers ?? [],
	): ResponseHead {
		const response = { status: this.reply?.status ?? 200, headers: HeaderMap.of(...headers) };
		this.response = response;
		filter.encodeHeaders?.(this, response, this.reply?.body === "");
		return response;
	}
}

/** For tests: the route of `/` to `cluster`, with a per-route config for one filter, read by its factory. */
export function routeWith(
	filterName: string,
	config: JsonObject | undefined,
	factory: HttpFilterFactory | readonly HttpFilterFactory[],
	cluster = "c",
): RouteMatch {
	const table = tableOf(
		{
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					routes: [
						{
							match: { prefix: "/" },
							route: { cluster },
							...(config && { typed_per_filter_config: { [filterName]: config } }),
						},
					],
				},
			],
		},
		{ parseFilterConfig: perRouteParser([factory].flat()) },
	);
	return table.match(testRequest("/"), { random: seededRandom(1), info: testInfo() })!;
}

/** For tests: a config as Istio wraps its own filters'. */
export const typedStruct = (typeUrl: string, value: JsonObject) => packAny(TypedStructSchema, { typeUrl, value });
