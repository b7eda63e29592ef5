import type { MessagePort } from "node:worker_threads";
import { create, fromBinary } from "@bufbuild/protobuf";
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Logging } from "../../../telemetry/logger.ts";
import { dumpStats } from "../../../telemetry/stats-dump.ts";
import { BootstrapSchema } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import type { ResourceUpdate } from "../../xdsclient/resource-update.ts";
import type { ProxyOptions, RunningProxy } from "../bootstrap/proxy-options.ts";
import { startProxy } from "../proxy.ts";
import type { FromWorker, RelayedUpdate, ToWorker, WorkerStart } from "./worker-messages.ts";

/** Runs one worker thread by what the main thread says on `port`; `optionsFor` makes the proxy's environment from what it begins with. */
export function serveWorker<L>(port: MessagePort, optionsFor: (start: WorkerStart) => ProxyOptions<L>): void {
	const answer = (message: FromWorker) => port.postMessage(message);
	let proxy: Promise<RunningProxy> | undefined;
	let logging: Logging | undefined;
	/** Messages are worked through in their order, each after the proxy has started. */
	let queue: Promise<unknown> = Promise.resolve();
	port.on("message", (message: ToWorker) => {
		if (message.kind === "start") {
			const { start } = message;
			const options = optionsFor(start);
			logging = options.logging;
			proxy = startProxy(fromBinary(BootstrapSchema, start.bootstrap), {
				...options,
				worker: { ...start, demand: (owner, names) => answer({ kind: "demand", owner, names }) },
			});
			queue = proxy.then(() => answer({ kind: "started" }));
			return;
		}
		if (message.kind === "set-log-level") logging?.setLevel(message.component, message.level);
		else queue = queue.then(async () => obey(await proxy!, message, answer));
	});
}

async function obey(
	proxy: RunningProxy,
	message: Exclude<ToWorker, { kind: "start" | "set-log-level" }>,
	answer: (message: FromWorker) => void,
): Promise<void> {
	switch (message.kind) {
		case "update":
			proxy.apply(decodeUpdate(message.update));
			return;
		case "dump":
			answer({ kind: "dumped", id: message.id, dump: dumpStats(proxy.registry) });
			return;
		case "drain":
			// Not awaited: a proxy that drains still answers for its stats.
			void proxy.drain(message.withinMs).then(() => answer({ kind: "drained", id: message.id }));
			return;
		case "fail-healthcheck":
			proxy.failHealthcheck(message.failed);
			return;
		case "reset-counters":
			proxy.registry.resetCounters();
			return;
		case "reopen-logs":
			proxy.reopenLogs();
	}
}

function decodeUpdate({ type, added, removed, answered, owner }: RelayedUpdate): ResourceUpdate {
	return {
		type,
		removed,
		...(answered && { answered }),
		...(owner !== undefined && { owner }),
		added: added.map(({ name, version, typeUrl, value }) => {
			const any = create(AnySchema, { typeUrl, value });
			const message = anyUnpack(any, xdsRegistry());
			if (!message) throw new Error(`the main thread accepted ${typeUrl}, which this one does not know`);
			return { name, version, any, message };
		}),
	};
}
