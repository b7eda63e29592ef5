import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { CertificateMaterial } from "./secret/certificate-material.ts";
import type { FileWatcher } from "./secret/file-watcher.ts";
import type { SecretStore } from "./secret/secret-store.ts";
import type { ValidationMaterial } from "./verify/validation-material.ts";

/** What a TLS context has in force, for people. */
export interface TlsContextView {
	certificates(): readonly CertificateMaterial[];
	validation(): ValidationMaterial | undefined;
}

/** What TLS contexts need of the process. */
export interface TlsDeps {
	readonly clock: Clock;
	readonly metrics: Pick<Metrics, "scope">;
	readonly secrets: SecretStore;
	readonly files: FileWatcher;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly logger: Logger;
	/** Contexts in force; each enters itself and leaves when it is closed. */
	readonly contexts: Set<TlsContextView>;
	/** Seals session tickets where no keys are configured; the same in all workers, so that each can resume what another began. */
	readonly ticketSecret: Uint8Array;
}
