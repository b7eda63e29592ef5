import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../../../lib/clock.ts";
import { textOfBytes } from "../../router/access-log/text-of-bytes.ts";

const FLUSH_MS = 250;
const FLUSH_BYTES = 64 * 1024;
/** Room for a usual line behind those that are not flushed yet. */
const BATCH_BYTES = FLUSH_BYTES + 32 * 1024;
const MAX_UTF8_BYTES = 3;

/** Where access log lines go. */
export type LogPlace = { readonly kind: "stdout" | "stderr" } | { readonly kind: "file"; readonly path: string };

/** Opened once per place, written in batches; `flush` before the process ends. */
export class LogSinks {
	readonly #clock: Clock;
	readonly #sinks = new Map<string, LogSink>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** What writes lines there, in which characters up to U+00FF may be bytes (`textOfBytes`). Throws when a file cannot be opened for appending. */
	open(place: LogPlace): (line: string) => void {
		const key = place.kind === "file" ? `file:${place.path}` : place.kind;
		let sink = this.#sinks.get(key);
		if (!sink) {
			sink = new LogSink(openPlace(place), this.#clock);
			this.#sinks.set(key, sink);
		}
		return sink.write;
	}

	flush(): void {
		for (const sink of this.#sinks.values()) sink.flush();
	}

	/** Flushes and closes the files (Envoy's `/reopen_logs` is this and opening again at the next line). */
	reopen(): void {
		for (const sink of this.#sinks.values()) sink.reopen();
	}
}

interface OpenFile {
	readonly fd: number;
	readonly path: string | undefined;
}

const STANDARD = { stdout: 1, stderr: 2 } as const;

function openPlace(place: LogPlace): OpenFile {
	if (place.kind !== "file") return { fd: STANDARD[place.kind], path: undefined };
	// The usual device names mean the process's own streams, also where /dev cannot be opened (pipes of another user).
	if (place.path === "/dev/stdout") return { fd: 1, path: undefined };
	if (place.path === "/dev/stderr") return { fd: 2, path: undefined };
	return { fd: openSync(place.path, "a", 0o644), path: place.path };
}

class LogSink {
	#file: OpenFile;
	readonly #clock: Clock;
	/** Lines that wait; comes into being with the first one. */
	#batch: Buffer | undefined;
	#used = 0;
	#flushing = false;

	constructor(file: OpenFile, clock: Clock) {
		this.#file = file;
		this.#clock = clock;
	}

	readonly write = (line: string): void => {
		this.#append(line);
		if (this.#used >= FLUSH_BYTES) this.flush();
		else if (!this.#flushing) {
			this.#flushing = true;
			this.#clock.after(FLUSH_MS, () => {
				this.#flushing = false;
				this.flush();
			});
		}
	};

	flush(): void {
		if (this.#used === 0) return;
		const bytes = this.#batch!.subarray(0, this.#used);
		this.#used = 0;
		this.#write(bytes);
	}

	reopen(): void {
		this.flush();
		const { fd, path } = this.#file;
		if (path === undefined) return;
		closeSync(fd);
		this.#file = { fd: openSync(path, "a", 0o644), path };
	}

	#append(line: string): void {
		const mayTake = line.length * MAX_UTF8_BYTES;
		if (this.#used + mayTake > BATCH_BYTES) this.flush();
		if (mayTake > BATCH_BYTES) {
			this.#write(Buffer.from(textOfBytes(line)));
			return;
		}
		this.#batch ??= Buffer.allocUnsafeSlow(BATCH_BYTES);
		let written = this.#batch.write(line, this.#used);
		// As many bytes as characters: ASCII, which is what it says.
		if (written !== line.length) written = this.#batch.write(textOfBytes(line), this.#used);
		this.#used += written;
	}

	#write(bytes: Buffer): void {
		let rest = bytes;
		try {
			while (rest.length > 0) rest = rest.subarray(writeSync(this.#file.fd, rest));
		} catch (error) {
			// A full pipe or disk must not end the proxy; what does not fit is lost, as in Envoy.
			const { code } = error as NodeJS.ErrnoException;
			if (code !== "EAGAIN" && code !== "EPIPE" && code !== "ENOSPC" && code !== "EIO") throw error;
		}
	}
}
