import type { Clock } from "../../lib/clock.ts";
import { KubeApiError } from "./kube-client.ts";
import type { Log } from "./log.ts";

/** Runs a reconcile function per key: never twice at once for one key, again after failures with back-off. */
export interface WorkQueue {
	/** Asks for a run as soon as possible; asking many times before it begins is one run. */
	add(key: string): void;
	/** Asks for a run after a while; the earliest of several such times counts. */
	addAfter(key: string, delayMs: number): void;
	/** Takes no more work and resolves when what runs has ended. */
	stop(): Promise<void>;
}

export interface WorkQueueOptions {
	readonly name: string;
	readonly clock: Clock;
	readonly log: Log;
	/** Brings the world in line with the key's desired state. A rejection means: try again later. */
	reconcile(key: string): Promise<void>;
	readonly concurrency?: number;
}

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 30_000;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
	const waiting = new Set<string>();
	const running = new Set<string>();
	const failures = new Map<string, number>();
	const timers = new Map<string, { dueMs: number; cancel: () => void }>();
	const idle: (() => void)[] = [];
	const concurrency = options.concurrency ?? 8;
	let stopped = false;

	const pump = () => {
		for (const key of waiting) {
			if (running.size >= concurrency || stopped) return;
			if (running.has(key)) continue;
			waiting.delete(key);
			running.add(key);
			void run(key);
		}
	};
	const run = async (key: string) => {
		try {
			await options.reconcile(key);
			failures.delete(key);
		} catch (error) {
			retry(key, error);
		}
		running.delete(key);
		if (stopped && running.size === 0) for (const resolve of idle.splice(0)) resolve();
		pump();
	};
	const retry = (key: string, error: unknown) => {
		const count = failures.get(key) ?? 0;
		failures.set(key, count + 1);
		const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** count);
		report(options, key, error, delayMs);
		queue.addAfter(key, delayMs);
	};
	const queue: WorkQueue = {
		add(key) {
			if (stopped) return;
			timers.get(key)?.cancel();
			timers.delete(key);
			waiting.add(key);
			queueMicrotask(pump);
		},
		addAfter(key, delayMs) {
			if (stopped) return;
			const dueMs = options.clock.nowMs() + delayMs;
			const earlier = timers.get(key);
			if (earlier && earlier.dueMs <= dueMs) return;
			earlier?.cancel();
			timers.set(key, { dueMs, cancel: options.clock.after(delayMs, () => queue.add(key)) });
		},
		stop() {
			stopped = true;
			waiting.clear();
			for (const timer of timers.values()) timer.cancel();
			timers.clear();
			return running.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve));
		},
	};
	return queue;
}

/** A lost race (409) or a server that is away is everyday life; anything else deserves a line in the log. */
function report({ log, name }: WorkQueueOptions, key: string, error: unknown, retryInMs: number): void {
	const isEveryday = error instanceof KubeApiError && (error.code === 409 || error.code === 0);
	log[isEveryday ? "debug" : "warn"]({ err: error, queue: name, key, retryInMs }, "reconcile failed, trying again");
}
