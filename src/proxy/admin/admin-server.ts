import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ProblemError, problem } from "../../lib/problem.ts";
import type { AdminContext } from "./admin-context.ts";
import type { AdminAnswer, AdminPage } from "./admin-page.ts";
import { CLUSTER_PAGES } from "./cluster-pages.ts";
import { CONFIG_DUMP_PAGES } from "./config-dump-page.ts";
import { SECRET_PAGES } from "./secret-pages.ts";
import { SERVER_PAGES } from "./server-pages.ts";
import { STATS_PAGES } from "./stats-pages.ts";

// Importing node:http as a module also loads fetch and WebSocket, 35 ms of CPU at the start of every sidecar.
const { createServer } = process.getBuiltinModule("node:http");

export interface AdminServer {
	readonly ip: string;
	/** The real one when 0 was asked for. */
	readonly port: number;
	close(): Promise<void>;
}

const INDEX: AdminPage = { path: "/", help: "Admin home page", answer: home };
const HELP: AdminPage = {
	path: "/help",
	help: "print out list of admin commands",
	answer: () => ({ body: helpText() }),
};
const PAGES = new Map(
	[INDEX, HELP, ...CLUSTER_PAGES, ...CONFIG_DUMP_PAGES, ...SERVER_PAGES, ...SECRET_PAGES, ...STATS_PAGES].map(
		(page) => [page.path, page],
	),
);

/** Serves the admin pages; rejects with ProblemError (LTN3530) when the address cannot be bound. */
export async function startAdminServer(
	context: AdminContext,
	at: { readonly ip: string; readonly port: number },
): Promise<AdminServer> {
	const server = createServer((request, response) => void serve(context, request, response));
	server.headersTimeout = 10_000;
	server.requestTimeout = 30_000;
	server.listen(at.port, at.ip);
	try {
		await once(server, "listening");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		const what =
			code === "EADDRINUSE" ? `${at.ip}:${at.port} is in use` : `${at.ip}:${at.port} cannot be bound (${code})`;
		throw new ProblemError([problem("LTN3530", "admin.address", what, "free the port or choose another")], {
			cause: error,
		});
	}
	return {
		ip: at.ip,
		port: (server.address() as AddressInfo).port,
		async close() {
			server.close();
			server.closeAllConnections();
			await once(server, "close");
		},
	};
}

async function serve(context: AdminContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
	request.resume();
	const url = URL.parse(request.url ?? "/", "http://admin");
	const page = url && PAGES.get(url.pathname);
	let answer: AdminAnswer;
	if (!url || !page) answer = { status: 404, body: `invalid path. ${helpText()}` };
	else if (page.mutates && request.method !== "POST")
		answer = { status: 405, body: `Method ${request.method} not allowed, POST required.` };
	else answer = await answerOf(page, context, url.searchParams);
	response.writeHead(answer.status ?? 200, {
		"content-type": answer.contentType ?? "text/plain; charset=UTF-8",
		"cache-control": "no-cache, max-age=0",
		"x-content-type-options": "nosniff",
	});
	response.end(request.method === "HEAD" ? undefined : answer.body);
}

async function answerOf(page: AdminPage, context: AdminContext, query: URLSearchParams): Promise<AdminAnswer> {
	try {
		return await page.answer(context, query);
	} catch (error) {
		context.logging.component("admin").error({ path: page.path, err: error }, "the admin page failed");
		return { status: 500, body: `${(error as Error).message}\n` };
	}
}

function helpText(): string {
	const lines = [...PAGES.values()].map(({ path, help, mutates }) => `  ${path}${mutates ? " (POST)" : ""}: ${help}\n`);
	return `admin commands are:\n${lines.sort().join("")}`;
}

function home(): AdminAnswer {
	const rows = [...PAGES.values()].map(({ path, help, mutates }) =>
		mutates
			? `<tr><td><form action="${path.slice(1)}" method="post"><button>${path.slice(1)}</button></form></td><td>${help}</td></tr>`
			: `<tr><td><a href="${path.slice(1)}">${path.slice(1) || "/"}</a></td><td>${help}</td></tr>`,
	);
	const style = "body{font:14px system-ui;margin:2em}td{padding:.2em 1em .2em 0}form{margin:0}";
	const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lateen proxy</title><style>${style}</style></head><body><h1>Lateen proxy</h1><table>${rows.join("")}</table></body></html>\n`;
	return { contentType: "text/html; charset=UTF-8", body };
}
