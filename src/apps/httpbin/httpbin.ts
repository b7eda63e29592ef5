import { type Answer, html } from "../kit/answer.ts";
import { sortKeys } from "../kit/canonical-headers.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";
import { webSocketEcho } from "../kit/websocket-echo.ts";
import { clientIp, describe, describeWithBody, valuesOf } from "./describe.ts";
import { HTML_PAGE, indexPage, JSON_DOCUMENT, XML_DOCUMENT } from "./documents.ts";
import { badRequest, failure, goJson, plain } from "./response.ts";
import { basicAuth, bearer, redirect, statusAnswer, unstable } from "./status.ts";
import { delay, drip, serverSentEvents, stream } from "./timed.ts";

const PORT = 8080;
const MAX_BYTES = 100 * 1024;
const JSON_TYPE = "application/json; charset=utf-8";

/** go-httpbin v2, the part of it that mesh walk-throughs use (images.md). */
export function httpbin(env: Env): Handler {
	const routes: Record<string, Handler> = {
		"GET /get": (request) => goJson(describe(request)),
		"POST /post": withBody,
		"PUT /put": withBody,
		"PATCH /patch": withBody,
		"DELETE /delete": withBody,
		"ANY /anything": withBody,
		"ANY /anything/*": withBody,
		"ANY /headers": (request) => goJson({ headers: describe(request).headers }),
		"ANY /ip": (request) => goJson({ origin: clientIp(request) }),
		"ANY /user-agent": (request) => goJson({ "user-agent": request.headers["user-agent"] ?? "" }),
		"ANY /status/:code": statusAnswer,
		"ANY /unstable": unstable,
		"ANY /delay/:n": delay,
		"ANY /response-headers": responseHeaders,
		"ANY /cookies": (request) => goJson(sortKeys(cookiesOf(request))),
		"ANY /cookies/set": setCookies,
		"ANY /redirect/:n": redirect("relative"),
		"ANY /relative-redirect/:n": redirect("relative"),
		"ANY /absolute-redirect/:n": redirect("absolute"),
		"ANY /bytes/:n": randomBytes,
		"ANY /stream/:n": stream,
		"ANY /drip": drip,
		"ANY /sse": serverSentEvents,
		"ANY /basic-auth/:user/:password": basicAuth,
		"ANY /bearer": bearer,
		"ANY /gzip": gzip,
		"ANY /html": () => html(HTML_PAGE),
		"ANY /json": () => goJson(JSON_DOCUMENT),
		"ANY /xml": () => ({ status: 200, headers: { "content-type": "application/xml" }, body: XML_DOCUMENT }),
		"ANY /uuid": () => goJson({ uuid: globalThis.crypto.randomUUID() }),
		"ANY /hostname": () => goJson({ hostname: env.HOSTNAME ?? "go-httpbin" }),
	};
	const paths = [...Object.keys(routes), "GET /websocket/echo"];
	return router({ ...routes, "GET /": () => html(indexPage(paths)) }, () => failure(404, "Not Found"));
}

async function withBody(request: AppRequest): Promise<Answer> {
	try {
		return goJson(await describeWithBody(request));
	} catch (error) {
		return badRequest(`error parsing request body: ${error instanceof Error ? error.message : String(error)}`);
	}
}

function responseHeaders(request: AppRequest): Answer {
	const args = valuesOf(request.query);
	const { "Content-Type": types = [JSON_TYPE], ...others } = args;
	const type = types[0] ?? JSON_TYPE;
	// A browser must not run what a query string says: types other than JSON and plain text are sent as plain text.
	const contentType = /^(application\/json|text\/plain)/.test(type) ? type : "text/plain";
	return goJson(sortKeys({ ...others, "Content-Type": types }), 200, { ...others, "content-type": contentType });
}

function cookiesOf(request: AppRequest): Record<string, string> {
	const cookies: Record<string, string> = {};
	for (const part of (request.headers.cookie ?? "").split(";")) {
		const equals = part.indexOf("=");
		if (equals > 0) cookies[part.slice(0, equals).trim()] = part.slice(equals + 1).trim();
	}
	return cookies;
}

function setCookies(request: AppRequest): Answer {
	const cookies = [...request.query].map(
		([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}; HttpOnly`,
	);
	return plain("", 302, { location: "/cookies", "set-cookie": cookies });
}

function randomBytes(request: AppRequest): Answer {
	const n = Number(request.params.n);
	if (!Number.isInteger(n) || n < 0) return badRequest("invalid byte count");
	const body = process.getBuiltinModule("node:crypto").randomBytes(Math.min(n, MAX_BYTES));
	return { status: 200, headers: { "content-type": "application/octet-stream" }, body };
}

function gzip(request: AppRequest): Answer {
	const { args, headers, method, origin } = describe(request);
	const text = `${JSON.stringify({ args, headers, method, origin, gzipped: true }, null, 2)}\n`;
	const body = process.getBuiltinModule("node:zlib").gzipSync(text);
	return { ...goJson(null, 200, { "content-encoding": "gzip" }), body };
}

export async function start(env: Env): Promise<void> {
	const port = Number(env.PORT ?? PORT);
	await serve("httpbin", httpbin(env), { port, env, upgrade: webSocketEcho("/websocket/echo") });
}
