import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { parseDurationMs } from "../../lib/duration.ts";
import { type Answer, empty, jsonText, text } from "../kit/answer.ts";
import { canonicalHeaders } from "../kit/canonical-headers.ts";
import { type AppRequest, header } from "../kit/request.ts";
import type { Handler } from "../kit/router.ts";
import type { Env } from "../kit/serve.ts";
import { sleep } from "../kit/sleep.ts";

/** Gateway API's echo-basic: every path answers with what the server saw of the request. */
export function echoBasic(env: Env): Handler {
	const pod = {
		namespace: env.NAMESPACE ?? "",
		ingress: env.INGRESS_NAME ?? "",
		service: env.SERVICE_NAME ?? "",
		pod: env.POD_NAME ?? "",
	};
	return async (request) => {
		const path = request.path.replace(/\/{2,}/g, "/");
		if (path === "/health") return text("OK");
		const status = /^\/status\/(\d{3})$/.exec(path)?.[1];
		if (status !== undefined && Number(status) >= 200) return empty(Number(status));
		const delayMs = parseDurationMs(request.query.get("delay") ?? "0");
		if (delayMs === undefined) return text(`invalid delay "${request.query.get("delay")}"\n`, 400);
		if (delayMs > 0) await sleep(delayMs);
		const seen = {
			path: request.target,
			host: header(request, "host") ?? header(request, ":authority") ?? "",
			method: request.method,
			proto: request.httpVersion === "2.0" ? "HTTP/2.0" : `HTTP/${request.httpVersion}`,
			headers: canonicalHeaders(request),
			...pod,
			tls: tlsState(request.socket),
		};
		return jsonText(JSON.stringify(seen, null, 1), 200, {
			"x-content-type-options": "nosniff",
			...setHeaders(request),
		});
	};
}

/** `X-Echo-Set-Header: a:b,c:d` asks for response headers. */
function setHeaders(request: AppRequest): Answer["headers"] {
	const headers: Record<string, string[]> = {};
	for (const pair of (header(request, "x-echo-set-header") ?? "").split(",")) {
		const colon = pair.indexOf(":");
		if (colon < 1) continue;
		const name = pair.slice(0, colon).trim().toLowerCase();
		headers[name] = [...(headers[name] ?? []), pair.slice(colon + 1).trim()];
	}
	return headers;
}

/** What TLS agreed on; undefined on a plain connection. */
function tlsState(socket: Socket) {
	if (!("encrypted" in socket)) return undefined;
	const tls = socket as TLSSocket;
	const peer = tls.getPeerCertificate();
	return {
		version: tls.getProtocol() ?? "",
		peerCertificates: peer?.raw ? [pem(peer.raw)] : undefined,
		serverName: tls.servername || "",
		negotiatedProtocol: tls.alpnProtocol || "",
		cipherSuite: tls.getCipher().standardName,
	};
}

function pem(der: Buffer): string {
	const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
	return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
