import { createWriteStream, type WriteStream } from "node:fs";
import type { Logger } from "../../telemetry/logger.ts";

/** Appends session secrets in NSS format to a file, for tools that read captured traffic (Envoy: key_log). */
export class KeyLog {
	readonly #file: WriteStream;

	constructor(path: string, logger: Logger) {
		this.#file = createWriteStream(path, { flags: "a", mode: 0o600 });
		this.#file.on("error", (error) =>
			logger.warn({ path, reason: error.message }, "the TLS key log cannot be written"),
		);
	}

	write(line: Buffer): void {
		this.#file.write(line);
	}

	close(): void {
		this.#file.end();
	}
}
