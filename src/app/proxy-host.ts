import { openSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { systemClock } from "../lib/clock.ts";
import { ProblemError, problem } from "../lib/problem.ts";
import { systemRandom } from "../lib/random.ts";
import type { RunningProxy } from "../proxy/runtime/bootstrap/proxy-options.ts";
import { compileBootstrap, staticClusterNames } from "../proxy/runtime/bootstrap/static-resources.ts";
import { startProxy } from "../proxy/runtime/proxy.ts";
import { readingCompilers } from "../proxy/runtime/reading-path.ts";
import { makeRequestPath } from "../proxy/runtime/request-path.ts";
import { WorkerPool } from "../proxy/runtime/workers/worker-pool.ts";
import { logDestination } from "../telemetry/log-destination.ts";
import { createLogging, type Logger, type LogLevel } from "../telemetry/logger.ts";
import type { Bootstrap } from "../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { NodeSchema } from "../xds/generated/envoy/config/core/v3/base_pb.ts";
import { openWorkerThread } from "./open-worker-thread.ts";

export interface HostOptions {
	readonly level: LogLevel;
	readonly componentLevels: readonly (readonly [string, LogLevel])[];
	/** How long connections of removed listeners may finish. */
	readonly drainTimeMs: number;
	/** How long a stopping process waits for its requests. */
	readonly shutdownMs: number;
	/** Goes on accepting for so long after it was told to stop, while its clients learn of it. */
	readonly lameDuckMs?: number;
	readonly configPath: string;
	readonly dnsServer: string | undefined;
	/** File that the log is appended to; standard error when absent or empty. */
	readonly logPath?: string;
	/** Threads that serve; 1 when absent. */
	readonly concurrency?: number;
}

/** A proxy in a process of its own. */
export interface HostedProxy {
	readonly proxy: RunningProxy;
	readonly logger: Logger;
	/** Graceful stop; the same promise however often it is asked for. */
	stop(): Promise<void>;
	/** True from the moment it was told to stop. */
	stopping(): boolean;
	/** Called before the process's last breath, after the proxy is closed. */
	onStopped(task: () => Promise<void>): void;
}

/** Starts the proxy; SIGTERM and SIGINT drain it, a second signal ends it at once. */
export async function hostProxy(bootstrap: Bootstrap, options: HostOptions): Promise<HostedProxy> {
	const { level, logPath } = options;
	const logging = createLogging({ level, ...(logPath && { destination: openLog(logPath) }) });
	for (const name of ["main", "config", "upstream", "admin"]) logging.component(name);
	const logger = logging.component("main");
	for (const [name, level] of options.componentLevels) {
		logging.component(name);
		logging.setLevel(name, level);
	}
	const tasks: (() => Promise<void>)[] = [];
	let stopped: Promise<void> | undefined;
	const stop = () => {
		stopped ??= shutDown(proxy, options, logger).then(async () => {
			for (const task of tasks) await task();
			// Idle upstream connections are all that is left; nobody waits for them.
			process.exit();
		});
		return stopped;
	};
	const threads = options.concurrency ?? 1;
	const workers = threads > 1 ? new WorkerPool(threads - 1, openWorkerThread, crash) : undefined;
	const proxy = await startProxy(bootstrap, {
		...(workers && { workers }),
		clock: systemClock,
		random: systemRandom,
		logging,
		environment: process.env,
		makeDataPlane: makeRequestPath,
		drainTimeMs: options.drainTimeMs,
		dnsServer: options.dnsServer,
		configPath: options.configPath,
		onQuit: () => void stop(),
	});
	for (const signal of ["SIGTERM", "SIGINT"] as const)
		process.on(signal, () => {
			if (stopped) process.exit(128 + (signal === "SIGINT" ? 2 : 15));
			logger.info({ signal }, "draining");
			void stop();
		});
	for (const { name, ip, port } of proxy.listeners())
		logger.info({ listener: name, address: `${ip}:${port}` }, "listening");
	if (bootstrap.applicationLogConfig)
		logger.warn({}, "application_log_config changes nothing here: logs are lines of JSON");
	logger.info({ admin: proxy.admin && `http://${proxy.admin.ip}:${proxy.admin.port}` }, "the proxy runs");
	return { proxy, logger, stop, stopping: () => stopped !== undefined, onStopped: (task) => void tasks.push(task) };
}

function openLog(path: string): { write(line: string): void } {
	try {
		return logDestination(openSync(path, "a"));
	} catch (error) {
		const message = `the file cannot be opened (${(error as NodeJS.ErrnoException).code})`;
		throw new ProblemError([problem("LTN4301", "--log-path", message, "name a file that can be written")], {
			cause: error,
		});
	}
}

/** A thread that ended by itself is a bug: without it a part of the connections would go nowhere. */
function crash(error: Error): void {
	throw error;
}

/** Checks a bootstrap as starting it would; throws ProblemError. */
export async function validate(bootstrap: Bootstrap): Promise<void> {
	const names = staticClusterNames(bootstrap);
	const compilers = readingCompilers({
		node: bootstrap.node ?? create(NodeSchema),
		environment: process.env,
		knowsCluster: (name) => names.has(name),
	});
	compileBootstrap(bootstrap, compilers);
}

async function shutDown(proxy: RunningProxy, options: HostOptions, logger: Logger): Promise<void> {
	if (options.lameDuckMs) await new Promise((resolve) => setTimeout(resolve, options.lameDuckMs));
	await proxy.drain(options.shutdownMs);
	await proxy.close();
	logger.info({}, "stopped");
}
