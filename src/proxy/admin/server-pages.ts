import { create, type JsonValue, toJsonString } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { VERSION } from "../../lib/names.ts";
import { LOG_LEVELS, parseLogLevel } from "../../telemetry/logger.ts";
import { ListenersSchema } from "../../xds/generated/envoy/admin/v3/listeners_pb.ts";
import { ServerInfo_State, ServerInfoSchema } from "../../xds/generated/envoy/admin/v3/server_info_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, badRequest, JSON_TYPE } from "./admin-page.ts";

const PRINT = { useProtoFieldName: true, prettySpaces: 1 } as const;

export const SERVER_PAGES: readonly AdminPage[] = [
	{ path: "/ready", help: "print server state, return 200 if LIVE, otherwise return 503", answer: ready },
	{ path: "/server_info", help: "print server version/status information", answer: serverInfo },
	{ path: "/listeners", help: "print listener info", answer: listeners },
	{ path: "/memory", help: "print current allocation/heap usage", answer: memory },
	{ path: "/init_dump", help: "dump current Envoy init manager information (experimental)", answer: initDump },
	{
		path: "/hot_restart_version",
		help: "print the hot restart compatibility version",
		answer: () => ({ body: "disabled" }),
	},
	{ path: "/runtime", help: "print runtime values", answer: runtime },
	{ path: "/logging", help: "query/change logging levels", mutates: true, answer: logging },
	action("/healthcheck/fail", "cause the server to fail health checks", (context) => context.failHealthcheck(true)),
	action("/healthcheck/ok", "cause the server to pass health checks", (context) => context.failHealthcheck(false)),
	action("/drain_listeners", "drain listeners", (context) => context.drainListeners()),
	action("/reopen_logs", "reopen access logs", (context) => context.reopenLogs()),
	action("/quitquitquit", "exit the server", (context) => context.quit()),
	missing("/cpuprofiler", "CPU profiles: start the process with node --cpu-prof", true),
	missing("/heapprofiler", "heap profiles: start the process with node --heap-prof", true),
	missing("/heap_dump", "heap profiles: start the process with node --heap-prof", false),
	missing("/contention", "there are no mutexes whose contention could be told", false),
	missing("/runtime_modify", "runtime values change with the configuration only", true),
];

/** A page of Envoy that is refused by name, so that a script learns why. */
function missing(path: string, why: string, mutates: boolean): AdminPage {
	const answer = () => ({ status: 501, body: `${path} is not implemented by this proxy: ${why}\n` });
	return { path, help: "not implemented by this proxy", mutates, answer };
}

function action(path: string, help: string, run: (context: AdminContext) => void): AdminPage {
	return {
		path,
		help,
		mutates: true,
		answer(context, query) {
			for (const name of query.keys())
				if (name !== "graceful" && name !== "skip_exit") return badRequest(`${name} is not implemented by this proxy`);
			run(context);
			return { body: "OK\n" };
		},
	};
}

function ready(context: AdminContext): AdminAnswer {
	const state = context.state();
	return { status: state === "LIVE" ? 200 : 503, body: `${state}\n` };
}

function serverInfo(context: AdminContext): AdminAnswer {
	const uptime = durationFromMs(Math.floor((context.nowEpochMs() - context.startedEpochMs) / 1000) * 1000);
	const info = create(ServerInfoSchema, {
		version: `lateen/${VERSION}/Clean/RELEASE/node-${process.versions.node}`,
		state: ServerInfo_State[context.state()],
		uptimeCurrentEpoch: uptime,
		uptimeAllEpochs: uptime,
		hotRestartVersion: "disabled",
		commandLineOptions: context.commandLine,
		...(context.bootstrap.node ? { node: context.bootstrap.node } : {}),
	});
	return {
		contentType: JSON_TYPE,
		body: `${toJsonString(ServerInfoSchema, info, { ...PRINT, alwaysEmitImplicit: true, registry: xdsRegistry() })}\n`,
	};
}

function listeners(context: AdminContext, query: URLSearchParams): AdminAnswer {
	const open = [...context.listeners()].sort((a, b) => (a.name < b.name ? -1 : 1));
	if (query.get("format") !== "json")
		return {
			body: open.map(({ name, ip, port }) => `${name}::${ip.includes(":") ? `[${ip}]` : ip}:${port}\n`).join(""),
		};
	const message = create(ListenersSchema, {
		listenerStatuses: open.map(({ name, ip, port }) => ({
			name,
			localAddress: {
				address: {
					case: "socketAddress" as const,
					value: { address: ip, portSpecifier: { case: "portValue" as const, value: port } },
				},
			},
		})),
	});
	return { contentType: JSON_TYPE, body: `${toJsonString(ListenersSchema, message, PRINT)}\n` };
}

function memory(): AdminAnswer {
	const { heapUsed, heapTotal, rss, external } = process.memoryUsage();
	const body = {
		allocated: String(heapUsed + external),
		heap_size: String(heapTotal),
		total_physical_bytes: String(rss),
	};
	return { contentType: JSON_TYPE, body: `${JSON.stringify(body, undefined, 1)}\n` };
}

function initDump(context: AdminContext): AdminAnswer {
	const waiting = context.warming();
	const dumps = [
		{ name: "init manager Clusters", target_names: waiting.clusters },
		{ name: "init manager Listeners", target_names: waiting.listeners },
	].filter(({ target_names }) => target_names.length > 0);
	if (dumps.length === 0) return { contentType: JSON_TYPE, body: "{}\n" };
	return { contentType: JSON_TYPE, body: `${JSON.stringify({ unready_targets_dumps: dumps }, undefined, 1)}\n` };
}

/** Envoy's shape: layer names, and per key its value in each layer and the one that counts. */
function runtime(context: AdminContext): AdminAnswer {
	const { layers, values } = context.runtime();
	const text = (value: JsonValue | undefined) =>
		value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
	const entries = [...values]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([key, value]) => [
			key,
			{ final_value: text(value), layer_values: layers.map((layer) => text(layer.values.get(key))) },
		]);
	const body = { entries: Object.fromEntries(entries), layers: layers.map(({ name }) => name) };
	return { contentType: JSON_TYPE, body: `${JSON.stringify(body, undefined, 1)}\n` };
}

const LOGGING_USAGE = `usage: /logging?<name>=<level> (change single level)
usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
usage: /logging?level=<level> (change all levels)
usage: /logging (query levels)
levels: ${LOG_LEVELS.join(" ")}`;

function logging(context: AdminContext, query: URLSearchParams): AdminAnswer {
	for (const [component, text] of requestedLevels(query)) {
		const level = parseLogLevel(text);
		if (!level) return badRequest(`error: unknown logger level\n${LOGGING_USAGE}`);
		if (!context.setLogLevel(component, level)) return badRequest(`error: unknown logger name\n${LOGGING_USAGE}`);
	}
	const lines = Object.entries(context.logging.levels()).map(([name, level]) => `  ${name}: ${level}\n`);
	return { body: `active loggers:\n${lines.join("")}\n` };
}

function requestedLevels(query: URLSearchParams): [component: string | undefined, level: string][] {
	return [...query].flatMap(([key, value]): [string | undefined, string][] => {
		if (key === "level") return [[undefined, value]];
		if (key !== "paths") return [[key, value]];
		return value.split(",").map((pair) => {
			const [name, level] = pair.split(":", 2);
			return [name, level ?? ""];
		});
	});
}
