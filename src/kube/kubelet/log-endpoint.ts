import { once } from "node:events";
import { existsSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { Clock } from "../../lib/clock.ts";
import { type LogQuery, readLog } from "./container-log.ts";
import type { ContainerRunner } from "./container-runner.ts";
import type { PodWorker } from "./pod-worker.ts";
import { Refusal } from "./refusal.ts";

export interface LogRequest {
	readonly worker: PodWorker;
	readonly runner: ContainerRunner;
	readonly query: URLSearchParams;
	readonly clock: Clock;
}

/** Streams a container's log. Errors carry Kubernetes' own sentences (400). */
export async function serveLogs({ worker, runner, query, clock }: LogRequest, answer: ServerResponse): Promise<void> {
	const pod = worker.pod.metadata.name;
	const { name } = runner.container;
	const { runs, state } = runner.record;
	const previous = isTrue(query.get("previous"));
	const run = previous ? runs - 2 : runs - 1;
	if (previous && run < 0) throw new Refusal(400, `previous terminated container "${name}" in pod "${pod}" not found`);
	const logPath = worker.logPath(name, run);
	if (run < 0 || !existsSync(logPath)) {
		const reason = state.waiting?.reason ?? "ContainerCreating";
		throw new Refusal(400, `container "${name}" in pod "${pod}" is waiting to start: ${reason}`);
	}
	const wanted = parseLogQuery(query, clock.epochMs());
	answer.writeHead(200, { "content-type": "text/plain" });
	answer.flushHeaders();
	const ended = new AbortController();
	const end = () => ended.abort();
	answer.once("close", end);
	const isOver = previous || !runner.isRunning;
	if (isOver) end();
	else if (runner.runEnded.aborted) end();
	else runner.runEnded.addEventListener("abort", end, { once: true });
	for await (const text of readLog(logPath, wanted, ended.signal, clock)) {
		if (answer.destroyed) break;
		if (!answer.write(text)) await Promise.race([once(answer, "drain"), once(answer, "close")]);
	}
	runner.runEnded.removeEventListener("abort", end);
	answer.end();
}

function parseLogQuery(query: URLSearchParams, nowMs: number): LogQuery {
	const sinceSeconds = number(query, "sinceSeconds");
	const sinceTime = query.get("sinceTime");
	const sinceMs = sinceTime === null ? sinceSeconds && nowMs - sinceSeconds * 1000 : Date.parse(sinceTime);
	if (Number.isNaN(sinceMs)) throw new Refusal(400, `sinceTime "${sinceTime}" is no RFC 3339 time`);
	return {
		follow: isTrue(query.get("follow")),
		timestamps: isTrue(query.get("timestamps")),
		tailLines: number(query, "tailLines"),
		limitBytes: number(query, "limitBytes"),
		sinceMs,
	};
}

function number(query: URLSearchParams, name: string): number | undefined {
	const text = query.get(name);
	if (text === null || text === "") return undefined;
	if (!/^\d+$/.test(text)) throw new Refusal(400, `${name} "${text}" is no whole number`);
	return Number(text);
}

function isTrue(text: string | null): boolean {
	return text === "true" || text === "1";
}
