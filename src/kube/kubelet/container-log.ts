import { createReadStream, type FSWatcher, watch } from "node:fs";
import { appendFile, copyFile, open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../client/log.ts";

/**
 * A container writes its output straight into `<n>.log`, so no line is lost when the kubelet dies. When lines arrived is
 * kept beside it in `<n>.log.times`: one `offset epochMs` pair per line, meaning "bytes up to offset were there by then".
 */
export interface LogRecorder {
	stop(): Promise<void>;
}

/** Growth is noted at most this often: the precision of `logs --timestamps`. */
const NOTE_EVERY_MS = 20;
const MAX_LOG_BYTES = 10 << 20;

export function timesPath(logPath: string): string {
	return `${logPath}.times`;
}

/** Notes when a log file grows, and turns it over to `<n>.log.1` at 10 MiB. */
export function recordLogTimes(logPath: string, clock: Clock, log: Log): LogRecorder {
	let noted = -1;
	let cancel: (() => void) | undefined;
	let work: Promise<void> = Promise.resolve();
	let stopped = false;
	const note = async () => {
		const { size } = await stat(logPath);
		if (size === noted) return;
		await appendFile(timesPath(logPath), `${size} ${clock.epochMs()}\n`);
		noted = size;
		if (size > MAX_LOG_BYTES) {
			await turnOver(logPath);
			noted = 0;
		}
	};
	const soon = () => {
		if (stopped || cancel) return;
		cancel = clock.after(NOTE_EVERY_MS, () => {
			cancel = undefined;
			run();
		});
	};
	const run = () => {
		work = work
			.then(note)
			.catch((error: unknown) => log.debug({ err: error, logPath }, "a log's times were not noted"));
	};
	const watcher: FSWatcher = watch(logPath, { persistent: false }, soon);
	watcher.on("error", (error) => log.debug({ err: error, logPath }, "a log cannot be watched"));
	soon();
	return {
		async stop() {
			stopped = true;
			cancel?.();
			watcher.close();
			run();
			await work;
		},
	};
}

/** The writer appends, so after the cut it goes on at the start; lines between copy and cut (microseconds) are lost. */
async function turnOver(logPath: string): Promise<void> {
	await copyFile(logPath, `${logPath}.1`);
	await truncate(logPath, 0);
	await writeFile(timesPath(logPath), "");
}

/** What of a log is wanted; as the query of the logs subresource. */
export interface LogQuery {
	readonly follow: boolean;
	readonly timestamps: boolean;
	readonly tailLines?: number;
	readonly sinceMs?: number;
	readonly limitBytes?: number;
}

/** Yields a log's text; with `follow` until `ended` aborts (and everything written until then is out). */
export async function* readLog(logPath: string, query: LogQuery, ended: AbortSignal): AsyncGenerator<string> {
	let budget = query.limitBytes ?? Number.POSITIVE_INFINITY;
	let offset = await startOffset(logPath, query);
	for (;;) {
		const isLast = !query.follow || ended.aborted;
		const { lines, next } = await linesFrom(logPath, offset, isLast);
		offset = next;
		for (const line of lines) {
			const text = query.timestamps ? `${formatNanos(line.epochMs)} ${line.text}` : line.text;
			const cut = Buffer.from(text).subarray(0, Math.min(budget, Number.MAX_SAFE_INTEGER)).toString("utf8");
			budget -= Buffer.byteLength(text);
			yield cut;
			if (budget <= 0) return;
		}
		if (isLast) return;
		await growth(logPath, offset, ended);
	}
}

interface LogLine {
	/** With its line end. */
	readonly text: string;
	readonly epochMs: number;
}

async function linesFrom(logPath: string, from: number, withUnfinished: boolean) {
	const times = await readTimes(logPath);
	const lines: LogLine[] = [];
	let at = from;
	let pending = Buffer.alloc(0);
	const push = (bytes: Buffer) => {
		at += bytes.length;
		lines.push({ text: bytes.toString("utf8"), epochMs: timeAt(times, at) });
	};
	for await (const chunk of createReadStream(logPath, { start: from })) {
		let rest = Buffer.concat([pending, chunk as Buffer]);
		for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
			push(rest.subarray(0, end + 1));
			rest = rest.subarray(end + 1);
		}
		pending = rest;
	}
	if (withUnfinished && pending.length > 0) push(pending);
	return { lines, next: at };
}

/** Where to begin so that only the wanted lines follow. */
async function startOffset(logPath: string, query: LogQuery): Promise<number> {
	let offset = 0;
	if (query.sinceMs !== undefined) {
		const since = query.sinceMs;
		const times = await readTimes(logPath);
		offset = times.findLast(({ epochMs }) => epochMs < since)?.offset ?? 0;
	}
	if (query.tailLines === undefined) return offset;
	return Math.max(offset, await tailOffset(logPath, query.tailLines));
}

/** Walks back from the end in blocks. */
async function tailOffset(logPath: string, count: number): Promise<number> {
	const BLOCK = 64 << 10;
	const file = await open(logPath, "r");
	try {
		const { size } = await file.stat();
		if (count <= 0) return size;
		let ends = 0;
		for (let end = size; end > 0; ) {
			const from = Math.max(0, end - BLOCK);
			const { buffer } = await file.read(Buffer.alloc(end - from), 0, end - from, from);
			for (let i = buffer.length - 1; i >= 0; i--) {
				// The line end at the very end closes the last line, it does not begin another.
				if (buffer[i] !== 10 || from + i === size - 1) continue;
				if (++ends === count) return from + i + 1;
			}
			end = from;
		}
		return 0;
	} finally {
		await file.close();
	}
}

interface TimeNote {
	readonly offset: number;
	readonly epochMs: number;
}

async function readTimes(logPath: string): Promise<TimeNote[]> {
	const text = await readFile(timesPath(logPath), "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return ""; // nothing noted yet
		throw error;
	});
	return text
		.split("\n")
		.filter(Boolean)
		.map((line) => {
			const [offset, epochMs] = line.split(" ");
			return { offset: Number(offset), epochMs: Number(epochMs) };
		});
}

/** When the byte before `offset` was there; bytes not noted yet arrived just now. */
function timeAt(times: readonly TimeNote[], offset: number): number {
	let low = 0;
	let high = times.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (times[middle]!.offset >= offset) high = middle;
		else low = middle + 1;
	}
	return times[low]?.epochMs ?? Date.now();
}

/** RFC 3339 with nine digits, as kubectl shows it. */
function formatNanos(epochMs: number): string {
	return new Date(epochMs).toISOString().replace("Z", "000000Z");
}

/** Resolves when the file is longer than `offset` (or was turned over), or the container ended. */
function growth(logPath: string, offset: number, ended: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const watcher = watch(logPath, () => void check());
		const done = () => {
			watcher.close();
			ended.removeEventListener("abort", done);
			resolve();
		};
		const check = async () => {
			const { size } = await stat(logPath).catch(() => ({ size: offset + 1 })); // gone: the next read says so
			if (size !== offset) done();
		};
		watcher.on("error", done);
		ended.addEventListener("abort", done, { once: true });
		if (ended.aborted) done();
		else void check();
	});
}
