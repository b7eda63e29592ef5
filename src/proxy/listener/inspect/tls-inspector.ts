import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { type ClientHello, readClientHello } from "../../tls/hello/client-hello.ts";
import type { Inspected, InspectedConnection, ListenerFilter } from "./listener-filter.ts";

export interface TlsInspectorConfig {
	/** A ClientHello that is longer ends the connection. */
	readonly maxClientHelloBytes: number;
	/** What is no ClientHello ends the connection, instead of passing as plaintext. */
	readonly closeOnErrors: boolean;
}

/** Tells TLS from plaintext and finds server name and ALPN (Envoy: envoy.filters.listener.tls_inspector). Without state. */
export function createTlsInspector(config: TlsInspectorConfig, metrics: Pick<Metrics, "scope">): ListenerFilter {
	const stats = inspectorStats(metrics);
	return {
		onAccept: () => "more",
		onData(on, bytes): Inspected {
			const reading = readClientHello(bytes);
			if (reading.kind === "more") {
				if (bytes.length < config.maxClientHelloBytes) return "more";
				stats.tooLarge.inc();
				return fail(on, "ClientHelloTooLarge");
			}
			if (reading.kind === "goodbye") return "close";
			stats.bytesProcessed.record(reading.bytesRead);
			if (reading.kind === "none") {
				if (config.closeOnErrors) return "close";
				stats.notFound.inc();
				on.transportFailure = `TLS_error|SSL_routines:OPENSSL_internal:${reading.reason}:TLS_error_end`;
				fail(on, "ClientHelloNotDetected");
				return "done";
			}
			tell(on, reading.hello, stats);
			return "done";
		},
	};
}

function tell(on: InspectedConnection, { serverName, protocols }: ClientHello, stats: InspectorStats): void {
	stats.found.inc();
	(serverName === undefined ? stats.sniNotFound : stats.sniFound).inc();
	(protocols === undefined ? stats.alpnNotFound : stats.alpnFound).inc();
	on.transportKnown = true;
	on.connection.transportProtocol = "tls";
	if (serverName !== undefined) on.connection.requestedServerName = serverName.toLowerCase();
	if (protocols !== undefined) on.offeredProtocols = protocols;
}

function fail(on: InspectedConnection, reason: string): Inspected {
	on.connection.dynamicMetadata.set("envoy.filters.listener.tls_inspector", { failure_reason: reason });
	return "close";
}

function inspectorStats(metrics: Pick<Metrics, "scope">) {
	const scope = metrics.scope("tls_inspector.");
	return {
		tooLarge: scope.counter("client_hello_too_large"),
		found: scope.counter("tls_found"),
		notFound: scope.counter("tls_not_found"),
		alpnFound: scope.counter("alpn_found"),
		alpnNotFound: scope.counter("alpn_not_found"),
		sniFound: scope.counter("sni_found"),
		sniNotFound: scope.counter("sni_not_found"),
		bytesProcessed: scope.histogram("bytes_processed"),
	};
}

type InspectorStats = ReturnType<typeof inspectorStats>;
