import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { KubeClient } from "../kube/client/kube-client.ts";
import type { Clock } from "../lib/clock.ts";
import { PORTS } from "../lib/names.ts";
import { meshView, type SyncReport } from "./mesh-view.ts";
import { hasProxy, type MeshWatch, podName, watchMesh } from "./mesh-watch.ts";
import { type ScrapeTarget, scrapeAll } from "./scraper.ts";
import { TrafficWindow } from "./traffic-window.ts";
import type { MeshView } from "./view.ts";

const REFRESH_MS = 2000;
const WINDOW_MS = 60_000;
const SYNC_TIMEOUT_MS = 3000;
/** Browsers that may listen at the same time. */
const MAX_STREAMS = 64;
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

export interface ConsoleOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	/** Folder of the built pages. */
	readonly webRoot: string;
	readonly bind: string;
	readonly port: number;
	/** Base URL of the control plane's debug pages. */
	readonly controlPlaneUrl: string;
	/** A bug while a view was made; the next one is tried all the same. */
	onError(error: unknown): void;
}

export interface Console {
	readonly url: string;
	readonly port: number;
	close(): Promise<void>;
}

/** Serves the console: the pages, `/api/mesh` (the newest view) and `/api/stream` (server-sent events, a view each two seconds). */
export async function startConsole(options: ConsoleOptions): Promise<Console> {
	const watch = watchMesh(options.client);
	const window = new TrafficWindow(WINDOW_MS);
	const streams = new Set<ServerResponse>();
	let newest = "{}";
	let stopTimer = () => {};
	let closed = false;

	const refresh = async () => {
		try {
			newest = JSON.stringify(await currentView(options, watch, window));
			for (const stream of streams) push(stream, newest);
		} catch (error) {
			options.onError(error);
		}
		if (!closed) stopTimer = options.clock.after(REFRESH_MS, () => void refresh());
	};
	const server = createServer((request, response) => {
		void answer(request, response, { webRoot: options.webRoot, newest: () => newest, streams }).catch(
			(error: unknown) => {
				response.destroy(error instanceof Error ? error : new Error(String(error)));
			},
		);
	});
	await listen(server, options);
	void refresh();
	const { port } = server.address() as AddressInfo;
	return {
		port,
		url: `http://${options.bind}:${port}`,
		close() {
			closed = true;
			stopTimer();
			watch.stop();
			for (const stream of streams) stream.end();
			server.closeAllConnections();
			return new Promise((resolve) => server.close(() => resolve()));
		},
	};
}

/** A browser that does not read is let go: its view would be old anyway. */
function push(stream: ServerResponse, view: string): void {
	if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy();
	else stream.write(`data: ${view}\n\n`);
}

function listen(server: Server, { port, bind }: ConsoleOptions): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, bind, resolve);
	});
}

async function currentView(options: ConsoleOptions, watch: MeshWatch, window: TrafficWindow): Promise<MeshView> {
	const failures = await scrapeAll(targetsOf(watch), window, options.clock);
	const notices = [...failures].map(([name, why]) => `No metrics from ${name}: ${why}`);
	let sync: SyncReport[] = [];
	try {
		const response = await fetch(`${options.controlPlaneUrl}/debug/syncz`, {
			signal: AbortSignal.timeout(SYNC_TIMEOUT_MS),
		});
		sync = (await response.json()) as SyncReport[];
	} catch (error) {
		notices.push(`The control plane does not answer: ${error instanceof Error ? error.message : String(error)}`);
	}
	const at = options.clock.epochMs();
	return { at, windowMs: WINDOW_MS, notices, ...meshView(watch, window.edges(at), sync) };
}

function targetsOf(watch: MeshWatch): ScrapeTarget[] {
	const ready = watch.pods
		.list()
		.filter((pod) => hasProxy(pod) && pod.status?.podIP && !pod.metadata.deletionTimestamp);
	return ready.map((pod) => ({
		name: podName(pod),
		url: `http://${pod.status!.podIP}:${PORTS.agent}/stats/prometheus`,
	}));
}

interface Answering {
	readonly webRoot: string;
	newest(): string;
	readonly streams: Set<ServerResponse>;
}

async function answer(request: IncomingMessage, response: ServerResponse, on: Answering): Promise<void> {
	response.setHeader(
		"content-security-policy",
		"default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
	);
	response.setHeader("x-content-type-options", "nosniff");
	// A page elsewhere that points a name of its own at 127.0.0.1 must not read the mesh (DNS rebinding).
	if (!/^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(request.headers.host ?? ""))
		return plain(response, 403, "This console answers on loopback names only.");
	if (request.method !== "GET" && request.method !== "HEAD") return plain(response, 405, "The console only reads.");
	const { pathname } = new URL(request.url ?? "/", "http://console");
	if (pathname === "/kiali" || pathname.startsWith("/kiali/")) return redirect(response, "/");
	if (pathname === "/healthz") return plain(response, 200, "ok");
	if (pathname === "/api/mesh") return json(response, on.newest());
	if (pathname === "/api/stream") return stream(response, on);
	return file(response, on.webRoot, pathname);
}

function plain(response: ServerResponse, status: number, text: string): void {
	response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
}

function redirect(response: ServerResponse, to: string): void {
	response.writeHead(302, { location: to }).end();
}

function json(response: ServerResponse, body: string): void {
	response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" }).end(body);
}

function stream(response: ServerResponse, { streams, newest }: Answering): void {
	if (streams.size >= MAX_STREAMS) {
		plain(response, 503, "Too many browsers are listening; close one.");
		return;
	}
	response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
	response.write(`data: ${newest()}\n\n`);
	streams.add(response);
	response.on("close", () => streams.delete(response));
}

const TYPES: Readonly<Record<string, string>> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
};

/** A built file; paths without an extension are the page itself, which routes in the browser. */
async function file(response: ServerResponse, webRoot: string, pathname: string): Promise<void> {
	const wanted = extname(pathname) === "" ? "/page.html" : pathname;
	const path = join(webRoot, normalize(wanted));
	const type = TYPES[extname(path)];
	if (!path.startsWith(webRoot) || !type) return plain(response, 404, "Not found.");
	try {
		const { size } = await stat(path);
		response.writeHead(200, { "content-type": type, "content-length": size, "cache-control": "no-cache" });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		return plain(response, 404, "Not found.");
	}
	createReadStream(path).pipe(response);
}
