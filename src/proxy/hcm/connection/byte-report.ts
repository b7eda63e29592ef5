import type { Transport } from "../../codec/transport.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { HcmStats } from "../hcm-stats.ts";

/** Adds what a client's connection has carried to its manager's stats, each byte once, whatever the protocol. */
export class ByteReport {
	#in = 0;
	#out = 0;

	/** Counts what came and went since the last call. */
	tell({ bytesRead, bytesWritten }: Transport, stats: HcmStats, connection: ConnectionInfo): void {
		stats.cxRxBytesTotal.inc(bytesRead - this.#in);
		stats.cxTxBytesTotal.inc(bytesWritten - this.#out);
		this.#in = bytesRead;
		this.#out = bytesWritten;
		connection.sentBytes = bytesWritten;
	}
}
