import type { LogLevel } from "../../../telemetry/logger.ts";
import type { StatsDump } from "../../../telemetry/stats-dump.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";
import type { ResourceUpdate } from "../../xdsclient/resource-update.ts";

/** An accepted resource as it goes to the other threads. */
export interface RelayedResource {
	readonly name: string;
	readonly version: string;
	readonly typeUrl: string;
	readonly value: Uint8Array;
}

/** What one response of the control plane changed, refused resources left out. */
export interface RelayedUpdate {
	readonly type: ResourceType;
	readonly added: readonly RelayedResource[];
	readonly removed: readonly string[];
	readonly answered?: readonly string[] | undefined;
	readonly owner?: string | undefined;
}

/** An update as it travels to other threads. */
export function relayed({ type, added, removed, answered, owner }: ResourceUpdate): RelayedUpdate {
	const resources = added.map(({ name, version, any }) => ({ name, version, typeUrl: any.typeUrl, value: any.value }));
	return { type, removed, added: resources, answered, owner };
}

/** What a worker thread begins with. */
export interface WorkerStart {
	/** envoy.config.bootstrap.v3.Bootstrap, encoded. */
	readonly bootstrap: Uint8Array;
	readonly logLevels: Readonly<Record<string, LogLevel>>;
	readonly drainTimeMs: number;
	readonly dnsServer: string | undefined;
	/** Seals session tickets in all threads, so that each can resume what another began. */
	readonly ticketSecret: Uint8Array;
	/** Real ports of listeners that asked for port 0. */
	readonly ports: Readonly<Record<string, number>>;
}

export type ToWorker =
	| { readonly kind: "start"; readonly start: WorkerStart }
	| { readonly kind: "update"; readonly update: RelayedUpdate }
	| { readonly kind: "dump"; readonly id: number }
	| { readonly kind: "drain"; readonly id: number; readonly withinMs: number }
	| { readonly kind: "fail-healthcheck"; readonly failed: boolean }
	| { readonly kind: "set-log-level"; readonly component: string | undefined; readonly level: LogLevel }
	| { readonly kind: "reset-counters" }
	| { readonly kind: "reopen-logs" };

export type FromWorker =
	| { readonly kind: "started" }
	/** A request waits for virtual hosts of a route configuration. */
	| { readonly kind: "demand"; readonly owner: string; readonly names: readonly string[] }
	| { readonly kind: "dumped"; readonly id: number; readonly dump: StatsDump }
	| { readonly kind: "drained"; readonly id: number };
