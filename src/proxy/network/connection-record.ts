import type { ConnectionInfo } from "../http/info/connection-info.ts";
import { RequestInfo } from "../http/info/request-info.ts";

/** The record of a whole connection; its metadata and filter state are the connection's own, which its requests see too. */
export class ConnectionRecord extends RequestInfo {
	readonly #connection: ConnectionInfo;

	constructor(connection: ConnectionInfo, startEpochMs: number, startMs: number) {
		super(startEpochMs, startMs);
		this.connection = connection;
		this.#connection = connection;
	}

	override get dynamicMetadata(): Map<string, Record<string, unknown>> {
		return this.#connection.dynamicMetadata;
	}

	override get filterState(): Map<string, unknown> {
		return this.#connection.filterState;
	}
}
