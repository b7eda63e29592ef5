import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";

const FLUSH_MS = 250;
const FLUSH_BYTES = 64 * 1024;

/** Where access log lines go. */
export type LogPlace = { readonly kind: "stdout" | "stderr" } | { readonly kind: "file"; readonly path: string };

/** Opened once per place, written in batches; `flush` before the process ends. */
export class LogSinks {
	readonly #clock: Clock;
	readonly #sinks = new Map<string, LogSink>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Throws when a file cannot be opened for appending. */
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
	#lines: string[] = [];
	#bytes = 0;
	#flushing = false;

	constructor(file: OpenFile, clock: Clock) {
		this.#file = file;
		this.#clock = clock;
	}

	readonly write = (line: string): void => {
		this.#lines.push(line);
		this.#bytes += line.length;
		if (this.#bytes >= FLUSH_BYTES) this.flush();
		else if (!this.#flushing) {
			this.#flushing = true;
			this.#clock.after(FLUSH_MS, () => {
				this.#flushing = false;
				this.flush();
			});
		}
	};

	flush(): void {
		if (this.#lines.length === 0) return;
		let rest = Buffer.from(this.#lines.join(""));
		this.#lines = [];
		this.#bytes = 0;
		try {
			while (rest.length > 0) rest = rest.subarray(writeSync(this.#file.fd, rest));
		} catch (error) {
			// A full pipe or disk must not end the proxy; what does not fit is lost, as in Envoy.
			const { code } = error as NodeJS.ErrnoException;
			if (code !== "EAGAIN" && code !== "EPIPE" && code !== "ENOSPC" && code !== "EIO") throw error;
		}
	}

	reopen(): void {
		this.flush();
		const { fd, path } = this.#file;
		if (path === undefined) return;
		closeSync(fd);
		this.#file = { fd: openSync(path, "a", 0o644), path };
	}
}
