import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { PORTS } from "../lib/names.ts";
import { ProblemError, problem } from "../lib/problem.ts";
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "../telemetry/prometheus-text.ts";
import type { HostedProxy } from "./proxy-host.ts";
import { scrapeApplication } from "./scrape-application.ts";
import type { SidecarSettings } from "./sidecar-bootstrap.ts";

// Importing node:http as a module also loads fetch and WebSocket, 35 ms of CPU at the start of every sidecar.
const { createServer } = process.getBuiltinModule("node:http");

export interface Agent {
	close(): Promise<void>;
}

/**
 * What Istio keeps of Envoy's own stats by default (istio-security-telemetry-cli.md 2.2): enough for dashboards, and a scrape
 * does not grow with the number of services.
 */
const KEPT =
	/^(?:reporter=|component|istio|cluster_manager|listener_manager|server|cluster\.xds-grpc|control_plane|wasm)|rbac\.(?:allowed|denied)$|shadow_(?:allowed|denied)$|outlier_detection/;

interface Page {
	readonly ports: readonly number[];
	readonly method: "GET" | "POST";
	answer(settings: SidecarSettings, hosted: HostedProxy): Answer | Promise<Answer>;
}

interface Answer {
	readonly status: number;
	readonly body: string;
	readonly contentType?: string;
}

const PAGES: Readonly<Record<string, Page>> = {
	"/healthz/ready": { ports: [PORTS.agent, PORTS.ready], method: "GET", answer: (_, hosted) => readiness(hosted) },
	"/metrics": { ports: [PORTS.agent], method: "GET", answer: merged },
	"/stats/prometheus": {
		ports: [PORTS.agent, PORTS.proxyPrometheus],
		method: "GET",
		answer: (settings, hosted) => merged(settings, hosted),
	},
	"/quitquitquit": {
		ports: [PORTS.agent],
		method: "POST",
		answer(_, hosted) {
			void hosted.stop();
			return { status: 200, body: "OK" };
		},
	},
	"/drain": {
		ports: [PORTS.agent],
		method: "POST",
		answer(_, { proxy }) {
			void proxy.drain(Number.MAX_SAFE_INTEGER);
			return { status: 200, body: "OK" };
		},
	},
};

/** Opens the agent's ports on the pod's address: 15020, 15021 and 15090. */
export async function startAgent(settings: SidecarSettings, hosted: HostedProxy): Promise<Agent> {
	const servers = await Promise.all(
		[PORTS.agent, PORTS.ready, PORTS.proxyPrometheus].map((port) => listen(port, settings, hosted)),
	);
	return {
		async close() {
			await Promise.all(
				servers.map(async (server) => {
					server.close();
					server.closeAllConnections();
					await once(server, "close");
				}),
			);
		},
	};
}

async function listen(port: number, settings: SidecarSettings, hosted: HostedProxy): Promise<Server> {
	const server = createServer((request, response) => void serve({ port, settings, hosted }, request, response));
	server.listen(port, settings.podIp);
	try {
		await once(server, "listening");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new ProblemError([problem("LTN6023", `${settings.podIp}:${port}`, `the address cannot be bound (${code})`)], {
			cause: error,
		});
	}
	return server;
}

interface Place {
	readonly port: number;
	readonly settings: SidecarSettings;
	readonly hosted: HostedProxy;
}

async function serve(place: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
	request.resume();
	const page = PAGES[(request.url ?? "/").split("?", 1)[0]!];
	let answer: Answer;
	if (!page?.ports.includes(place.port)) answer = { status: 404, body: "404 page not found\n" };
	else if (page.method === "POST" && !isLoopback(request)) answer = { status: 403, body: "only from this pod\n" };
	else if (page.method === "POST" && request.method !== "POST") answer = { status: 405, body: "use POST\n" };
	else answer = await page.answer(place.settings, place.hosted);
	response.writeHead(answer.status, { "content-type": answer.contentType ?? "text/plain; charset=utf-8" });
	response.end(answer.body);
}

function isLoopback(request: IncomingMessage): boolean {
	const from = request.socket.remoteAddress ?? "";
	return from.startsWith("127.") || from === "::1" || from.startsWith("::ffff:127.");
}

function readiness({ proxy, stopping }: HostedProxy): Answer {
	const reason = stopping() ? "the proxy is stopping" : proxy.notReady();
	return reason === "" ? { status: 200, body: "" } : { status: 503, body: `not ready: ${reason}\n` };
}

/** The proxy's metrics, then the application's: its text comes last, because OpenMetrics ends with a mark. */
async function merged({ appMetrics }: SidecarSettings, { proxy, logger }: HostedProxy): Promise<Answer> {
	const own = formatPrometheus(proxy.registry, { keep: (name) => KEPT.test(name) });
	const failures = proxy.registry.counterFamily({
		name: "istio_agent_scrape_failures_total",
		help: "The number of failed scrapes.",
		labels: ["type"],
	});
	let body = own;
	if (appMetrics) {
		try {
			body += await scrapeApplication(appMetrics.url);
		} catch (error) {
			failures.with("application").inc();
			logger.debug(
				{ url: appMetrics.url, reason: (error as Error).message },
				"the application's metrics cannot be read",
			);
		}
	}
	return { status: 200, body, contentType: PROMETHEUS_CONTENT_TYPE };
}
