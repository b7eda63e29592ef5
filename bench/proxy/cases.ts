import type { BenchCase, BenchTools, ProxyUnderTest, Subject } from "./bench-case.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import { ISTIO_ACCESS_LOG, ISTIO_NODE, istioFilters } from "./istio-filters.ts";
import type { Http1Load } from "./load-options.ts";
import { rssMb, stop, threadsUs } from "./processes.ts";

const HELD_CONNECTIONS = 2000;

const beside = (options: BootstrapOptions): readonly [Subject, Subject] => [
	{ name: "lateen", proxy: "lateen", options },
	{ name: "envoy", proxy: "envoy", options },
];

/** As fast as it goes: CPU per request, throughput, latency, memory. */
async function saturate(proxy: ProxyUnderTest, tools: BenchTools, load: Omit<Http1Load, "port" | "seconds">) {
	const { cpuUs, load: seen } = await tools.cpuPerRequest(proxy, () =>
		tools.http1({ ...load, seconds: tools.seconds }, proxy.port),
	);
	return {
		cpuUsPerRequest: cpuUs,
		requestsPerSecond: seen.requests / (tools.seconds * 0.9),
		p50Us: seen.p50Us,
		p99Us: seen.p99Us,
		rssMb: rssMb(proxy.pid),
	};
}

/** Every row of the table; the order is the issue's. */
export const CASES: readonly BenchCase[] = [
	{
		name: "http1",
		what: "HTTP/1.1, 1 kB body, 64 connections",
		subjects: () => beside({}),
		upstream: { kind: "http1" },
		targets: { cpuUsPerRequest: 0.6 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 64 }),
	},
	{
		name: "istio",
		what: "the same with Istio's sidecar filters that Envoy has too, access log off",
		subjects: () => beside({ filters: istioFilters("both"), node: ISTIO_NODE }),
		upstream: { kind: "http1" },
		targets: { cpuUsPerRequest: 0.6 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 64 }),
	},
	{
		name: "istio-log",
		what: "the same with Istio's metrics (Lateen's istio.stats; upstream Envoy has no such filter) and access log on",
		subjects: () => [
			{
				name: "lateen",
				proxy: "lateen",
				options: { filters: istioFilters("lateen"), node: ISTIO_NODE, accessLog: ISTIO_ACCESS_LOG },
			},
			{
				name: "envoy",
				proxy: "envoy",
				options: { filters: istioFilters("both"), node: ISTIO_NODE, accessLog: ISTIO_ACCESS_LOG },
			},
		],
		upstream: { kind: "http1" },
		targets: { cpuUsPerRequest: 0.7 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 64 }),
	},
	{
		name: "mtls",
		what: "mTLS on both sides, keep-alive, 64 connections",
		subjects: ({ certificates }) => beside({ tls: certificates }),
		upstream: { kind: "http1", tls: true },
		targets: { cpuUsPerRequest: 0.85 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 64, tls: tools.certificates }),
	},
	{
		name: "http2",
		what: "HTTP/2 both sides, 4 connections with 100 streams each, 1 kB body",
		subjects: () => beside({ http2: true }),
		upstream: { kind: "http2" },
		targets: { cpuUsPerRequest: 1 },
		measure: (proxy, tools) => saturateHttp2(proxy, tools, false),
	},
	{
		name: "grpc",
		what: "gRPC unary, 4 connections with 100 streams each, 100 B messages",
		subjects: () => beside({ http2: true }),
		upstream: { kind: "grpc" },
		targets: { cpuUsPerRequest: 1 },
		measure: (proxy, tools) => saturateHttp2(proxy, tools, true),
	},
	{
		name: "large",
		what: "HTTP/1.1, 1 MB bodies, 8 connections: CPU per MB",
		subjects: () => beside({}),
		upstream: { kind: "http1", bodyBytes: 1_000_000 },
		targets: { cpuUsPerRequest: 1.2 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 8 }),
	},
	{
		name: "tcp",
		what: "TCP proxy, 4 connections that stream: CPU per MB",
		subjects: () => beside({ tcp: true }),
		upstream: { kind: "stream" },
		targets: { cpuUsPerMb: 1.2 },
		async measure(proxy, tools) {
			const { cpuUs, load } = await tools.cpuPerRequest(proxy, () => tools.tcp(4, proxy.port));
			return { cpuUsPerMb: cpuUs, mbPerSecond: load.requests / tools.seconds };
		},
	},
	{
		name: "latency",
		what: "added latency at 2 000 requests/s, HTTP/1.1, 32 connections (what the upstream alone takes is subtracted)",
		subjects: () => beside({}),
		upstream: { kind: "http1" },
		targets: { addedP50Us: 1, addedP99Us: 1.2 },
		async measure(proxy, tools) {
			const load = { connections: 32, seconds: tools.seconds, rate: 2000 };
			const direct = await tools.http1(load, proxy.upstreamPort);
			const through = await tools.http1(load, proxy.port);
			return {
				addedP50Us: through.p50Us - direct.p50Us,
				addedP99Us: through.p99Us - direct.p99Us,
				p50Us: through.p50Us,
				p99Us: through.p99Us,
			};
		},
	},
	{
		name: "connections",
		what: "a new connection for each request, 16 at a time",
		subjects: () => beside({}),
		upstream: { kind: "http1" },
		targets: { cpuUsPerRequest: 1.5 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 16, newConnections: true }),
	},
	{
		name: "routes",
		what: "10 000 routes against 10, Lateen against itself",
		subjects: () => [
			{ name: "10 000 routes", proxy: "lateen", options: { moreRoutes: 10_000 } },
			{ name: "10 routes", proxy: "lateen", options: { moreRoutes: 10 } },
		],
		upstream: { kind: "http1" },
		targets: { cpuUsPerRequest: 1.1 },
		measure: (proxy, tools) => saturate(proxy, tools, { connections: 64 }),
	},
	{
		name: "memory-idle",
		what: "resident memory at rest with 1 000 clusters",
		subjects: () => beside({ moreClusters: 1000 }),
		upstream: { kind: "http1" },
		cold: true,
		targets: { rssMb: 1.2 },
		async measure(proxy) {
			await new Promise((resolve) => setTimeout(resolve, 3000));
			return { rssMb: rssMb(proxy.pid) };
		},
	},
	{
		name: "memory-connection",
		what: `memory per open connection (${HELD_CONNECTIONS} of them, each after one request)`,
		subjects: () => beside({}),
		upstream: { kind: "http1" },
		cold: true,
		targets: { kbPerConnection: 1.5 },
		async measure(proxy, tools) {
			await tools.http1({ connections: 8, seconds: 1 }, proxy.port);
			const before = rssMb(proxy.pid);
			const holder = await tools.hold(HELD_CONNECTIONS, proxy.port);
			await new Promise((resolve) => setTimeout(resolve, 1000));
			const after = rssMb(proxy.pid);
			await stop(holder);
			return { kbPerConnection: ((after - before) * 1024) / HELD_CONNECTIONS };
		},
	},
	{
		name: "workers",
		what: "two workers against one: requests per second of CPU of the busiest thread, which is what free cores would allow",
		subjects: () => [
			{ name: "2 workers", proxy: "lateen", options: {}, workers: 2 },
			{ name: "1 worker", proxy: "lateen", options: {} },
		],
		upstream: { kind: "http1" },
		targets: { requestsPerBusySecond: 1.8 },
		async measure(proxy, tools) {
			const before = threadsUs(proxy.pid);
			const seen = await saturate(proxy, tools, { connections: 64 });
			const spent = [...threadsUs(proxy.pid)].map(([id, us]) => us - (before.get(id) ?? 0));
			const requests = seen.requestsPerSecond * tools.seconds;
			return { requestsPerBusySecond: (requests / Math.max(...spent)) * 1e6, ...seen };
		},
	},
];

async function saturateHttp2(proxy: ProxyUnderTest, tools: BenchTools, grpc: boolean) {
	const load = { connections: 4, streams: 100, grpc };
	const { cpuUs, load: seen } = await tools.cpuPerRequest(proxy, () => tools.http2(load, proxy.port));
	return { cpuUsPerRequest: cpuUs, requestsPerSecond: seen.requests / tools.seconds, rssMb: rssMb(proxy.pid) };
}
