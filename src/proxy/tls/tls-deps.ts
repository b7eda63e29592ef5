import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { FileWatcher } from "./secret/file-watcher.ts";
import type { SecretStore } from "./secret/secret-store.ts";

/** What TLS contexts need of the process. */
export interface TlsDeps {
	readonly clock: Clock;
	readonly metrics: Pick<Metrics, "scope">;
	readonly secrets: SecretStore;
	readonly files: FileWatcher;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly logger: Logger;
	/** Seals session tickets where no keys are configured; the same in all workers, so that each can resume what another began. */
	readonly ticketSecret: Uint8Array;
}
