import { createReadStream } from "node:fs";
import { appendFile, copyFile, open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../client/log.ts";
import { watchFile } from "./file-watch.ts";

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
	const unwatch = watchFile(logPath, soon, clock);
	soon();
	return {
		async stop() {
			stopped = true;
			cancel?.();
			unwatch();
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
export async function* readLog(
	logPath: string,
	query: LogQuery,
	ended: AbortSignal,
	clock: Clock,
): AsyncGenerator<string> {
	let budget = query.limitBytes ?? Number.MAX_SAFE_INTEGER;
	let offset = await startOffset(logPath, query);
	for (;;) {
		const isLast = !query.follow || ended.aborted;
		const { lines, next } = await linesFrom(logPath, offset, isLast);
		const stamp = await stamper(logPath, query.timestamps, clock);
		for (const { text, end } of lines) {
			const stamped = stamp(end) + text;
			yield Buffer.from(stamped).subarray(0, budget).toString("utf8");
			budget -= Buffer.byteLength(stamped);
			if (budget <= 0) return;
		}
		if (isLast) return;
		offset = await growth(logPath, next, ended, clock);
	}
}

/** Gives what goes before the line that ends at an offset. */
async function stamper(logPath: string, wanted: boolean, clock: Clock): Promise<(end: number) => string> {
	if (!wanted) return () => "";
	const times = await readTimes(logPath);
	// Bytes that are not noted yet arrived just now.
	return (end) => `${formatNanos(timeAt(times, end) ?? clock.epochMs())} `;
}

interface LogLine {
	/** With its line end. */
	readonly text: string;
	/** Offset in the file of the byte after it. */
	readonly end: number;
}

async function linesFrom(logPath: string, from: number, withUnfinished: boolean) {
	const lines: LogLine[] = [];
	let at = from;
	let pending = Buffer.alloc(0);
	const push = (bytes: Buffer) => {
		at += bytes.length;
		lines.push({ text: bytes.toString("utf8"), end: at });
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

/** When the byte before `offset` was there, as far as it was noted. */
function timeAt(times: readonly TimeNote[], offset: number): number | undefined {
	let low = 0;
	let high = times.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (times[middle]!.offset >= offset) high = middle;
		else low = middle + 1;
	}
	return times[low]?.epochMs;
}

/** RFC 3339 with nine digits, as kubectl shows it. */
function formatNanos(epochMs: number): string {
	return new Date(epochMs).toISOString().replace("Z", "000000Z");
}

/** Resolves when there is more than `offset`, or the container ended: with where to go on (0 when the file was turned over). */
function growth(logPath: string, offset: number, ended: AbortSignal, clock: Clock): Promise<number> {
	return new Promise((resolve) => {
		const check = async () => {
			const { size } = await stat(logPath).catch(() => ({ size: -1 })); // removed with its pod
			if (size !== offset) done(size >= 0 && size < offset ? 0 : offset);
		};
		const unwatch = watchFile(logPath, () => void check(), clock);
		const onEnd = () => done(offset);
		const done = (next: number) => {
			unwatch();
			ended.removeEventListener("abort", onEnd);
			resolve(next);
		};
		ended.addEventListener("abort", onEnd, { once: true });
		if (ended.aborted) onEnd();
		else void check();
	});
}
