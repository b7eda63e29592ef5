import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Clock } from "../../lib/clock.ts";
import { formatProblem } from "../../lib/problem.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { AggregatedDiscoveryService } from "../../xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import type {
	DeltaDiscoveryResponse,
	DiscoveryResponse,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { ClientStatusDiscoveryService } from "../../xds/generated/envoy/service/status/v3/csds_pb.ts";
import { createAdsMetrics } from "./ads-metrics.ts";
import { clientStatus } from "./client-status/client-status.ts";
import { deltaWriter, receiveDelta } from "./delta-session.ts";
import { keepAlive } from "./keep-alive.ts";
import { OutboundQueue } from "./outbound-queue.ts";
import type { ResourceSource } from "./resource-source.ts";
import { receiveSotw, sotwWriter } from "./sotw-session.ts";
import { type ResponseWriter, type SessionContext, StreamSession } from "./stream-session.ts";

export interface AdsServerOptions {
	readonly source: ResourceSource;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly metrics: Metrics;
	readonly version: string;
	/** 127.0.0.1 unless the user says otherwise. */
	readonly host: string;
	/** 0 takes any free port. */
	readonly port: number;
}

export interface AdsServer {
	readonly port: number;
	/** Connected proxies, oldest first. */
	readonly sessions: ReadonlySet<StreamSession>;
	/** Tells every proxy that its configuration may have changed. */
	push(change: { readonly endpointsOnly: boolean }): void;
	close(): Promise<void>;
}

/** A request with this many bytes names every cluster of a very large mesh. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** Serves ADS over plaintext HTTP/2, state of the world and delta. Rejects when the port cannot be had. */
export async function startAdsServer(options: AdsServerOptions): Promise<AdsServer> {
	const sessions = new Set<StreamSession>();
	const metrics = createAdsMetrics(options.metrics, options.version);
	const context: SessionContext = { ...options, metrics };
	const serve = createStreamHandler(sessions, context);
	const routes = (router: ConnectRouter) => {
		router.service(AggregatedDiscoveryService, {
			streamAggregatedResources: (requests, call) =>
				serve<typeof requests extends AsyncIterable<infer R> ? R : never, DiscoveryResponse>(requests, call.signal, {
					writer: sotwWriter,
					receive: receiveSotw,
				}),
			deltaAggregatedResources: (requests, call) =>
				serve<typeof requests extends AsyncIterable<infer R> ? R : never, DeltaDiscoveryResponse>(
					requests,
					call.signal,
					{
						writer: deltaWriter,
						receive: receiveDelta,
					},
				),
		});
		router.service(ClientStatusDiscoveryService, {
			fetchClientStatus: (request) => clientStatus(request, sessions),
			async *streamClientStatus(requests) {
				for await (const request of requests) yield clientStatus(request, sessions);
			},
		});
	};
	const server = createServer(connectNodeAdapter({ routes, readMaxBytes: MAX_REQUEST_BYTES }));
	const connections = trackConnections(server, options.clock);
	await listen(server, options);
	return {
		port: (server.address() as AddressInfo).port,
		sessions,
		push({ endpointsOnly }) {
			for (const session of sessions) session.requestPush(endpointsOnly);
		},
		close: () => closeServer(server, connections),
	};
}

interface Protocol<Request, Response> {
	writer(send: (response: Response) => void): ResponseWriter;
	receive(session: StreamSession, request: Request): void;
}

function createStreamHandler(sessions: Set<StreamSession>, context: SessionContext) {
	return async function* serve<Request extends { node?: Node }, Response>(
		requests: AsyncIterable<Request>,
		signal: AbortSignal,
		protocol: Protocol<Request, Response>,
	): AsyncGenerator<Response> {
		const queue = new OutboundQueue<Response>();
		signal.addEventListener("abort", () => queue.end(), { once: true });
		let session: StreamSession | undefined;
		const read = async () => {
			for await (const request of requests) {
				session ??= openSession(
					request.node,
					protocol.writer((r) => queue.push(r)),
					{ sessions, context },
				);
				protocol.receive(session, request);
			}
		};
		read().then(
			() => queue.end(),
			(error: unknown) => queue.end(error instanceof Error ? error : new Error(String(error))),
		);
		try {
			yield* queue;
		} finally {
			if (session) closeSession(session, { sessions, context });
		}
	};
}

interface Open {
	readonly sessions: Set<StreamSession>;
	readonly context: SessionContext;
}

function openSession(node: Node | undefined, writer: ResponseWriter, { sessions, context }: Open): StreamSession {
	if (!node) throw new ConnectError("the first request of a stream must carry the node", Code.InvalidArgument);
	const refusal = context.source.refusal(node);
	if (refusal) {
		context.logger.warn({ node: node.id, problem: refusal }, "a proxy was refused");
		throw new ConnectError(formatProblem(refusal), Code.InvalidArgument);
	}
	const session = new StreamSession(node.id, node, writer, context);
	sessions.add(session);
	context.metrics.connected(1);
	context.logger.info({ proxy: node.id, protocol: writer.protocol }, "a proxy connected");
	return session;
}

function closeSession(session: StreamSession, { sessions, context }: Open): void {
	session.close();
	sessions.delete(session);
	context.metrics.connected(-1);
	context.logger.info({ proxy: session.id }, "a proxy disconnected");
}

function trackConnections(server: Http2Server, clock: Clock): Set<ServerHttp2Session> {
	const connections = new Set<ServerHttp2Session>();
	server.on("session", (connection) => {
		connections.add(connection);
		const stop = keepAlive(connection, clock);
		connection.once("close", () => {
			stop();
			connections.delete(connection);
		});
		// A broken connection ends its streams, which is where it is dealt with.
		connection.on("error", () => connection.destroy());
	});
	return connections;
}

function listen(server: Http2Server, { host, port }: AdsServerOptions): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, host, () => {
			server.off("error", reject);
			resolve();
		});
	});
}

function closeServer(server: Http2Server, connections: Set<ServerHttp2Session>): Promise<void> {
	for (const connection of connections) connection.destroy();
	return new Promise((resolve) => server.close(() => resolve()));
}
