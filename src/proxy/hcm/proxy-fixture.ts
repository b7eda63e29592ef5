import {
	createServer as createHttpServer,
	type Server as HttpServer,
	type IncomingMessage,
	type RequestOptions,
	request,
} from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { RouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { Deadlines } from "../http/deadlines.ts";
import { compileRouteConfiguration } from "../router/route-configuration.ts";
import type { RouteTable } from "../router/route-match.ts";
import { createConnectionManager } from "./connection-manager.ts";
import type { HcmConfig } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import type { ConnectionManager } from "./hcm-shared.ts";

/** What a stream left behind, for tests. */
export interface EndedStream {
	readonly path: string;
	readonly code: number;
	readonly flags: string;
	readonly details: string;
	readonly upstreamHost: string | undefined;
	readonly attempts: number;
}

/** A connection manager on a port of its own, for tests of the whole request path. */
export interface ProxyFixture {
	readonly port: number;
	readonly url: string;
	readonly manager: ConnectionManager;
	readonly ended: EndedStream[];
	readonly metrics: MetricRegistry;
	/** Value of a counter or gauge `http.test.<name>`. */
	stat(name: string): number;
	close(): Promise<void>;
}

/** A route table out of routes in proto3 JSON, in one virtual host for all. */
export function routeTable(routes: readonly JsonObject[], virtualHost: JsonObject = {}): RouteTable {
	const host = { name: "all", domains: ["*"], routes: [...routes], ...virtualHost };
	const json: JsonObject = { name: "test", virtual_hosts: [host] };
	return compileRouteConfiguration(fromJson(RouteConfigurationSchema, json, { registry: xdsRegistry() }), {
		env: { hostname: "test", nowMs: () => Date.now(), environment: () => undefined },
		parseFilterConfig: () => undefined,
	});
}

/** Starts a connection manager that routes by `routes` to `clusters`. */
export async function startProxy(options: {
	readonly routes: readonly JsonObject[];
	readonly virtualHost?: JsonObject;
	readonly clusters?: readonly FakeCluster[];
	readonly config?: Partial<HcmConfig>;
	readonly bufferLimitBytes?: number;
	readonly localAddress?: string;
}): Promise<ProxyFixture> {
	const clusters = new Map((options.clusters ?? []).map((cluster) => [cluster.name, cluster]));
	const table = routeTable(options.routes, options.virtualHost);
	const deadlines = new Deadlines(systemClock);
	const metrics = new MetricRegistry();
	const ended: EndedStream[] = [];
	const config: HcmConfig = {
		...HCM_DEFAULTS,
		statPrefix: "test",
		routes: { kind: "rds", name: "test" },
		filters: [],
		...options.config,
	};
	const manager = createConnectionManager(config, {
		clock: systemClock,
		random: systemRandom,
		deadlines,
		clusters,
		metrics,
		routeTable: () => table,
		localAddress: options.localAddress,
		accessLog: ({ request, info }) =>
			ended.push({
				path: request.path,
				code: info.responseCode,
				flags: [...info.responseFlags].sort().join(),
				details: info.responseCodeDetails,
				upstreamHost: info.upstreamHost,
				attempts: info.attemptCount,
			}),
	});
	const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
		manager.accept({ socket, bufferLimitBytes: options.bufferLimitBytes ?? 1024 * 1024, onClosed: () => {} }),
	);
	const port = await listen(server);
	const scope = metrics.scope("http.test.");
	return {
		port,
		url: `http://127.0.0.1:${port}`,
		manager,
		ended,
		metrics,
		stat: (name) => (name.endsWith("_active") ? scope.gauge(name) : scope.counter(name)).value,
		close: async () => {
			manager.close();
			await new Promise((resolve) => server.close(resolve));
			await eventually(() => manager.activeConnections === 0);
			deadlines.close();
		},
	};
}

/** Listens on a free port of 127.0.0.1. */
export function listen(server: Server): Promise<number> {
	return new Promise((resolve) => {
		server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
	});
}

/** A client that sends bytes as they are and collects what comes. */
export class RawClient {
	text = "";
	closed = false;
	readonly socket: Socket;
	#wake: (() => void)[] = [];

	constructor(port: number, host = "127.0.0.1") {
		this.socket = connect({ port, host, allowHalfOpen: true });
		this.socket.setEncoding("latin1");
		this.socket.on("data", (chunk) => {
			this.text += chunk;
			this.#notify();
		});
		this.socket.on("error", () => {});
		this.socket.on("end", () => this.socket.end());
		for (const event of ["end", "close"])
			this.socket.on(event, () => {
				this.closed = true;
				this.#notify();
			});
	}

	send(bytes: string): this {
		this.socket.write(bytes, "latin1");
		return this;
	}

	/** Waits until the text so far satisfies `done`; throws with the text after five seconds. */
	async until(done: (text: string) => boolean): Promise<string> {
		await this.#wait(() => done(this.text));
		return this.text;
	}

	/** Waits for the end of the connection and returns all that came. */
	async untilClosed(): Promise<string> {
		await this.#wait(() => this.closed);
		return this.text;
	}

	destroy(): void {
		this.socket.destroy();
	}

	async #wait(done: () => boolean): Promise<void> {
		const deadline = setTimeout(() => this.socket.destroy(new Error("late")), 5000);
		try {
			while (!done()) {
				if (this.socket.destroyed) throw new Error(`the connection ended with ${JSON.stringify(this.text)}`);
				await new Promise<void>((resolve) => {
					this.#wake.push(resolve);
				});
			}
		} finally {
			clearTimeout(deadline);
		}
	}

	#notify(): void {
		for (const wake of this.#wake.splice(0)) wake();
	}
}

/** Polls until `done`, for at most five seconds. */
export async function eventually(done: () => boolean): Promise<void> {
	const deadlineMs = performance.now() + 5000;
	while (!done()) {
		if (performance.now() > deadlineMs) throw new Error(`not within five seconds: ${done}`);
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

/** A cluster of fixed endpoints on 127.0.0.1. */
export function fakeCluster(name: string, ports: readonly number[]): FakeCluster {
	return new FakeCluster(name, ports);
}

/** An upstream that shows the fields it got, one per line. */
export function fieldsEcho(): HttpServer {
	return createHttpServer((req, res) => {
		req.resume();
		req.on("end", () => {
			const lines: string[] = [];
			for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
			res.end(`${req.url}\n${lines.join("\n")}\n`);
		});
	});
}

/** Options of `send`. */
export interface SendOptions extends RequestOptions {
	readonly body?: string;
}

/** One request by Node's own client. */
export async function send(url: string, options: SendOptions = {}) {
	const res = await new Promise<IncomingMessage>((resolve, reject) => {
		const req = request(url, options, resolve);
		req.on("error", reject);
		req.end(options.body);
	});
	let body = "";
	for await (const chunk of res.setEncoding("latin1")) body += chunk;
	return { status: res.statusCode!, headers: res.headers, body };
}
