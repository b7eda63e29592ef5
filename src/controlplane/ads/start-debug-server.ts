import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "../../telemetry/prometheus-text.ts";
import { shortTypeName } from "./ads-metrics.ts";
import { configDump } from "./config-dump.ts";
import type { StreamSession } from "./stream-session.ts";
import { proxyName, syncStatus } from "./sync-status.ts";

export interface DebugServerOptions {
	readonly host: string;
	/** 0 takes any free port. */
	readonly port: number;
	readonly version: string;
	readonly registry: MetricRegistry;
	readonly sessions: ReadonlySet<StreamSession>;
	ready(): boolean;
	/** Further JSON pages by path (`/debug/endpointz`), computed when asked for. */
	readonly pages: Readonly<Record<string, () => unknown>>;
}

export interface DebugServer {
	readonly port: number;
	close(): Promise<void>;
}

interface Reply {
	readonly status: number;
	readonly contentType: string;
	readonly body: string;
}

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

/** Serves the control plane's debug pages and metrics (docs/contracts.md). Rejects when the port cannot be had. */
export async function startDebugServer(options: DebugServerOptions): Promise<DebugServer> {
	const server = createServer((request, response) => answer(request, response, options));
	server.requestTimeout = 10_000;
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.host, () => {
			server.off("error", reject);
			resolve();
		});
	});
	return {
		port: (server.address() as AddressInfo).port,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

function answer(request: IncomingMessage, response: ServerResponse, options: DebugServerOptions): void {
	const reply = replyTo(request, options);
	response.writeHead(reply.status, { "content-type": reply.contentType });
	response.end(request.method === "HEAD" ? undefined : reply.body);
}

function replyTo(request: IncomingMessage, options: DebugServerOptions): Reply {
	if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET is answered here\n");
	const url = URL.parse(request.url ?? "/", "http://localhost");
	if (!url) return text(400, "the request target is not a path\n");
	const page = PAGES[url.pathname];
	if (page) return page(options, url.searchParams);
	const further = options.pages[url.pathname];
	if (further) return json(further());
	const paths = [...Object.keys(PAGES), ...Object.keys(options.pages)].sort();
	return text(404, `no such page; there are:\n${paths.map((p) => `  ${p}\n`).join("")}`);
}

const PAGES: Readonly<Record<string, (options: DebugServerOptions, query: URLSearchParams) => Reply>> = {
	"/debug/syncz": ({ sessions }) => json([...sessions].map(syncStatus)),
	"/debug/adsz": ({ sessions }) => json([...sessions].map(adsPage)),
	"/debug/config_dump": ({ sessions }, query) => dumpPage(sessions, query.get("proxyID") ?? ""),
	"/metrics": ({ registry }) => ({
		status: 200,
		contentType: PROMETHEUS_CONTENT_TYPE,
		body: formatPrometheus(registry),
	}),
	"/ready": (options) => (options.ready() ? text(200, "ready\n") : text(503, "not ready\n")),
	"/version": ({ version }) => json({ version }),
};

/** Subscriptions and resources of one stream. */
function adsPage(session: StreamSession) {
	const types = [...session.types.values()].map((state) => [
		shortTypeName(state.typeUrl),
		{
			wildcard: state.wildcard,
			subscribed: [...state.names],
			resources: Object.fromEntries([...state.sent.values()].map((r) => [r.name, r.version])),
		},
	]);
	return { ...syncStatus(session), watches: Object.fromEntries(types) };
}

function dumpPage(sessions: ReadonlySet<StreamSession>, proxyId: string): Reply {
	const session = [...sessions].find((s) => proxyName(s) === proxyId || s.id === proxyId);
	if (session) return json(configDump(session));
	const known = [...sessions].map(proxyName).join(", ");
	return text(404, `no proxy "${proxyId}" is connected; connected are: ${known}\n`);
}

function json(value: unknown): Reply {
	return { status: 200, contentType: JSON_TYPE, body: `${JSON.stringify(value, null, 2)}\n` };
}

function text(status: number, body: string): Reply {
	return { status, contentType: TEXT_TYPE, body };
}
