import { shortTypeName } from "./ads-metrics.ts";
import type { StreamSession } from "./stream-session.ts";
import type { TypeState } from "./type-state.ts";

/** One proxy in `/debug/syncz`; `lateen proxy-status` prints this. Times are ISO 8601, empty when it has not happened. */
export interface ProxySyncStatus {
	readonly proxy: string;
	readonly nodeId: string;
	readonly clusterId: string;
	readonly version: string;
	readonly protocol: "sotw" | "delta";
	readonly connectedAt: string;
	/** By short name: CDS, EDS, LDS, RDS. */
	readonly types: Readonly<Record<string, TypeSyncStatus>>;
}

export interface TypeSyncStatus {
	readonly status: "SYNCED" | "STALE" | "ERROR" | "NOT SENT";
	readonly resources: number;
	readonly sentVersion: string;
	readonly sentNonce: string;
	readonly sentAt: string;
	readonly ackedVersion: string;
	readonly ackedNonce: string;
	readonly ackedAt: string;
	readonly lastNack: { readonly nonce: string; readonly message: string; readonly at: string } | undefined;
}

/** What was sent to a proxy and what it answered. */
export function syncStatus(session: StreamSession): ProxySyncStatus {
	const metadata = session.node.metadata ?? {};
	const text = (value: unknown) => (typeof value === "string" ? value : "");
	return {
		proxy: proxyName(session),
		nodeId: session.id,
		clusterId: text(metadata.CLUSTER_ID),
		version: text(metadata.ISTIO_VERSION),
		protocol: session.protocol,
		connectedAt: isoTime(session.connectedAtEpochMs),
		types: Object.fromEntries(
			[...session.types.values()].map((state) => [shortTypeName(state.typeUrl), typeStatus(state)]),
		),
	};
}

/** `<pod>.<namespace>`, the third part of the node id. */
export function proxyName(session: StreamSession): string {
	return session.id.split("~")[2] ?? session.id;
}

function typeStatus(state: TypeState): TypeSyncStatus {
	const { nack } = state;
	return {
		status: state.status,
		resources: state.sent.size,
		sentVersion: state.sentVersion,
		sentNonce: state.sentNonce,
		sentAt: isoTime(state.sentAtEpochMs),
		ackedVersion: state.ackedVersion,
		ackedNonce: state.ackedNonce,
		ackedAt: isoTime(state.ackedAtEpochMs),
		lastNack: nack && { nonce: nack.nonce, message: nack.message, at: isoTime(nack.atEpochMs) },
	};
}

function isoTime(epochMs: number): string {
	return epochMs === 0 ? "" : new Date(epochMs).toISOString();
}
