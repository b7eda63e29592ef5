import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { systemClock } from "../../lib/clock.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { DataSourceSchema } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	DownstreamTlsContextSchema,
	UpstreamTlsContextSchema,
} from "../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { type ConnectionInfo, plainConnection, type TlsInfo } from "../http/info/connection-info.ts";
import { parseDownstreamTls } from "./downstream/downstream-config.ts";
import { DownstreamTls } from "./downstream/downstream-tls.ts";
import { FileWatcher } from "./secret/file-watcher.ts";
import { SecretStore } from "./secret/secret-store.ts";
import type { TlsDeps } from "./tls-deps.ts";
import { TlsFailure, tlsErrorReason } from "./tls-failure.ts";
import { parseUpstreamTls } from "./upstream/upstream-config.ts";
import { UpstreamTls } from "./upstream/upstream-tls.ts";
import type { TransportWishes } from "./upstream/upstream-transport.ts";

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Everything that TLS contexts need, with real files and the real clock. */
export function tlsDeps(): TlsDeps & { readonly registry: MetricRegistry } {
	const registry = new MetricRegistry();
	const files = new FileWatcher(systemClock);
	const base = { clock: systemClock, metrics: registry, environment: process.env, logger: silent, files };
	return { ...base, registry, secrets: new SecretStore(base), contexts: new Set(), ticketSecret: randomBytes(32) };
}

export const inline = (text: string): Init<typeof DataSourceSchema> => ({
	specifier: { case: "inlineString", value: text },
});

export function downstream(deps: TlsDeps, init: Init<typeof DownstreamTlsContextSchema>): DownstreamTls {
	const config = parseDownstreamTls(create(DownstreamTlsContextSchema, init), "", process.env);
	return new DownstreamTls(config, deps, "listener.test.");
}

export function upstream(deps: TlsDeps, init: Init<typeof UpstreamTlsContextSchema>): UpstreamTls {
	return new UpstreamTls(
		parseUpstreamTls(create(UpstreamTlsContextSchema, init), "", process.env),
		deps,
		"cluster.test.",
	);
}

export interface TlsServer {
	readonly port: number;
	/** What handshakes have come to, in order: a connection, or the reason of a failure. */
	readonly outcomes: (ConnectionInfo | string)[];
	close(): Promise<void>;
}

/** A listener that shakes hands by `tls()` and answers with what it is sent. */
export async function listen(tls: () => DownstreamTls): Promise<TlsServer> {
	const outcomes: (ConnectionInfo | string)[] = [];
	const sockets = new Set<Socket>();
	const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		const connection = plainConnection(socket);
		tls().accept(socket, connection, {
			onSecure(secure) {
				outcomes.push(connection);
				secure.on("error", () => {});
				secure.on("data", (chunk) => secure.write(chunk));
				secure.on("end", () => secure.end());
			},
			onFailure: (reason) => outcomes.push(reason),
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		port: (server.address() as AddressInfo).port,
		outcomes,
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

/** What a client saw: the handshake's facts and the echo of a greeting, or why it failed. */
export type Seen =
	| { readonly tls: TlsInfo | undefined; readonly echo: string; readonly reused: boolean }
	| { readonly failure: string };

/** Dials, greets, hangs up. */
export function greet(tls: UpstreamTls, port: number, wishes: TransportWishes = {}): Promise<Seen> {
	return new Promise((resolve) => {
		let ready: TlsInfo | undefined;
		let failure: Error | undefined;
		let echo = "";
		let reused = false;
		const { socket } = tls.dial({ host: "127.0.0.1", port }, wishes, {
			onReady(info) {
				ready = info;
				reused = (socket as Socket & { isSessionReused(): boolean }).isSessionReused();
				socket.write("hello");
			},
		});
		socket.on("data", (chunk) => {
			echo += String(chunk);
			socket.end();
		});
		socket.on("error", (error) => {
			failure = error;
		});
		socket.on("close", () =>
			resolve(
				echo === ""
					? { failure: failure instanceof TlsFailure ? failure.reason : tlsErrorReason(failure) }
					: { tls: ready, echo, reused },
			),
		);
	});
}
