import type { ChildProcess } from "node:child_process";
import type { BootstrapOptions } from "./bootstrap.ts";
import type { Certificates } from "./certificates.ts";
import type { Http1Load, LoadResult } from "./load-options.ts";

/** One proxy that runs for a case. */
export interface ProxyUnderTest {
	readonly pid: number;
	readonly port: number;
	readonly upstreamPort: number;
}

/** What a case measures with. */
export interface BenchTools {
	readonly seconds: number;
	readonly certificates: Certificates;
	http1(load: Omit<Http1Load, "port">, port: number): Promise<LoadResult>;
	http2(load: { connections: number; streams: number; grpc: boolean }, port: number): Promise<LoadResult>;
	tcp(connections: number, port: number): Promise<LoadResult>;
	/** Opens that many connections and keeps them until `stop`. */
	hold(connections: number, port: number): Promise<ChildProcess>;
	/** CPU microseconds of the proxy per request of what `load` reports. */
	cpuPerRequest(proxy: ProxyUnderTest, load: () => Promise<LoadResult>): Promise<{ cpuUs: number; load: LoadResult }>;
}

/** Who is compared: the first against the second. */
export interface Subject {
	readonly name: string;
	readonly proxy: "lateen" | "envoy";
	readonly options: BootstrapOptions;
	/** Worker threads; each gets a core. */
	readonly workers?: number;
}

/** A row of the table of docs/benchmarks.md. */
export interface BenchCase {
	readonly name: string;
	readonly what: string;
	readonly subjects: (tools: BenchTools) => readonly [Subject, Subject];
	readonly upstream: { readonly kind: string; readonly bodyBytes?: number; readonly tls?: boolean };
	/** Memory is measured on a fresh process: no round before it. */
	readonly cold?: true;
	/** Greatest (or, for throughput, least) ratio wanted per figure; figures without one are told only. */
	readonly targets: Readonly<Record<string, number>>;
	measure(proxy: ProxyUnderTest, tools: BenchTools): Promise<Readonly<Record<string, number>>>;
}
