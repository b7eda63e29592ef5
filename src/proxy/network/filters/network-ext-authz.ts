import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import type { StatScope } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type ExtAuthz,
	ExtAuthzSchema,
} from "../../../xds/generated/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../../xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { checkedPeer } from "../../filter/ext-authz/check-request.ts";
import { type GrpcTarget, parseGrpcService } from "../../filter/grpc-service.ts";
import { callUnary, type GrpcOutcome } from "../../filter/grpc-unary.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { SideCall, SideCalls } from "../../http/side-calls.ts";
import { compileMetadataMatcher } from "../../router/match/value-matcher.ts";
import { ProblemList } from "../../router/problem-list.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";
import { missing } from "../network-problems.ts";

const CHECK_PATH = "/envoy.service.auth.v3.Authorization/Check";
/** Envoy's, where the service has none. */
const DEFAULT_TIMEOUT_MS = 200;
const METADATA = "envoy.filters.network.ext_authz";

/** Authorization of connections by a gRPC service (Envoy: envoy.filters.network.ext_authz): asked when the client's first bytes come. */
export function extAuthzFactory({ metrics, sideCalls }: NetworkFilterDeps): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
		parse(config, path, name) {
			const settings = parseSettings(unpackAs(config, ExtAuthzSchema)!, path, sideCalls);
			const stats = authzStats(metrics.scope(`ext_authz.${settings.statPrefix}.`));
			return { name, create: () => new NetworkExtAuthz(settings, stats) };
		},
	};
}

interface Settings {
	readonly statPrefix: string;
	readonly target: GrpcTarget;
	readonly failureModeAllow: boolean;
	readonly peerCertificate: boolean;
	readonly tlsSession: boolean;
	readonly metadataNamespaces: readonly string[];
	/** Only connections with such metadata are asked about; undefined: all. */
	readonly enabledByMetadata: ReturnType<typeof compileMetadataMatcher> | undefined;
	readonly sideCalls: SideCalls;
}

function parseSettings(message: ExtAuthz, path: string, sideCalls: SideCalls): Settings {
	const at = fieldPath(path);
	const problems = new ProblemList();
	if (message.statPrefix === "") problems.problems.push(missing(at.field("stat_prefix")));
	if (!message.grpcService) problems.problems.push(missing(at.field("grpc_service")));
	const target =
		message.grpcService &&
		parseGrpcService(message.grpcService, DEFAULT_TIMEOUT_MS, at.field("grpc_service"), problems);
	const metadata = message.filterEnabledMetadata;
	const enabledByMetadata = metadata && compileMetadataMatcher(metadata, at.field("filter_enabled_metadata"), problems);
	problems.throwIfAny();
	return {
		enabledByMetadata,
		statPrefix: message.statPrefix,
		target: target!,
		failureModeAllow: message.failureModeAllow,
		peerCertificate: message.includePeerCertificate,
		tlsSession: message.includeTlsSession,
		metadataNamespaces: message.metadataContextNamespaces,
		sideCalls,
	};
}

class NetworkExtAuthz implements NetworkFilter {
	readonly #settings: Settings;
	readonly #stats: AuthzStats;
	#call: SideCall | undefined = undefined;

	constructor(settings: Settings, stats: AuthzStats) {
		this.#settings = settings;
		this.#stats = stats;
	}

	onData(on: NetworkConnection): "continue" | "stop" {
		const { target, sideCalls, enabledByMetadata } = this.#settings;
		const { dynamicMetadata } = on.info;
		if (enabledByMetadata && !enabledByMetadata((namespace) => dynamicMetadata.get(namespace))) {
			this.#stats.disabled.inc();
			return "continue";
		}
		this.#stats.total.inc();
		this.#stats.active.add(1);
		const message = toBinary(CheckRequestSchema, checkRequest(on.connection, this.#settings));
		this.#call = callUnary(sideCalls, { ...target, path: CHECK_PATH, message }, (outcome) =>
			this.#onOutcome(outcome, on),
		);
		return "stop";
	}

	onClose(): void {
		if (!this.#call) return;
		this.#call.cancel();
		this.#over();
	}

	#onOutcome(outcome: GrpcOutcome, on: NetworkConnection): void {
		this.#over();
		const response = outcome.kind === "message" ? decode(outcome.message) : undefined;
		const stats = this.#stats;
		if (response?.dynamicMetadata) on.info.dynamicMetadata.set(METADATA, response.dynamicMetadata);
		if (response && (response.status?.code ?? 0) === 0) {
			stats.ok.inc();
			on.resume();
			return;
		}
		(response ? stats.denied : stats.error).inc();
		if (!response && this.#settings.failureModeAllow) {
			stats.failureModeAllowed.inc();
			on.resume();
			return;
		}
		stats.closed.inc();
		on.info.responseFlags.add("UAEX");
		on.info.responseCodeDetails = response ? "ext_authz_denied" : "ext_authz_error";
		on.close("ext_authz_close");
	}

	#over(): void {
		this.#call = undefined;
		this.#stats.active.add(-1);
	}
}

/** Undefined for bytes that are no CheckResponse: the service is broken. */
function decode(bytes: Uint8Array): CheckResponse | undefined {
	try {
		return fromBinary(CheckResponseSchema, bytes);
	} catch {
		return undefined;
	}
}

function checkRequest(connection: ConnectionInfo, settings: Settings) {
	const { tls, dynamicMetadata } = connection;
	const filterMetadata = Object.fromEntries(
		settings.metadataNamespaces.flatMap((name) => {
			const value = dynamicMetadata.get(name);
			return value ? [[name, value as JsonObject] as const] : [];
		}),
	);
	return create(CheckRequestSchema, {
		attributes: {
			source: {
				...checkedPeer(connection.sourceIp, connection.sourcePort, tls?.peer),
				certificate: settings.peerCertificate && tls?.peer ? encodeURIComponent(tls.peer.pem()) : "",
			},
			destination: checkedPeer(connection.localIp, connection.localPort, tls?.local),
			metadataContext: { filterMetadata },
			...(settings.tlsSession && { tlsSession: { sni: connection.requestedServerName ?? "" } }),
		},
	});
}

function authzStats(scope: StatScope) {
	return {
		total: scope.counter("total"),
		error: scope.counter("error"),
		failureModeAllowed: scope.counter("failure_mode_allowed"),
		denied: scope.counter("denied"),
		ok: scope.counter("ok"),
		disabled: scope.counter("disabled"),
		closed: scope.counter("cx_closed"),
		active: scope.gauge("active"),
	};
}

type AuthzStats = ReturnType<typeof authzStats>;
