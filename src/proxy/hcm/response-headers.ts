import { HeaderMap } from "../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import type { HcmShared } from "./hcm-shared.ts";
import { appendVia } from "./request-headers.ts";

/** The head of an answer that the proxy gives itself. */
export function localResponse(reply: LocalReply): ResponseHead {
	const headers = new HeaderMap();
	for (const [name, value] of reply.headers ?? []) headers.append(name, value);
	if (reply.body !== "") {
		if (!headers.has("content-length")) headers.append("content-length", String(Buffer.byteLength(reply.body)));
		if (!headers.has("content-type")) headers.append("content-type", "text/plain");
	}
	return { status: reply.status, headers };
}

/** What every answer of this connection manager carries: date, server, via, x-request-id when asked (Envoy: mutateResponseHeaders). */
export function finishResponseHeaders(response: ResponseHead, request: RequestHead, shared: HcmShared): void {
	const { config, date } = shared;
	const { headers } = response;
	if (!headers.has("date")) headers.append("date", date.text());
	if (config.serverHeader === "overwrite") headers.set("server", config.serverName);
	else if (config.serverHeader === "append-if-absent" && !headers.has("server"))
		headers.append("server", config.serverName);
	if (config.via !== "") appendVia(headers, config.via);
	if (!config.identity.alwaysSetRequestIdInResponse) return;
	const id = request.headers.get("x-request-id");
	if (id !== undefined) headers.set("x-request-id", id);
}
