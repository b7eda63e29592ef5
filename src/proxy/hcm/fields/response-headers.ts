import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { HcmShared } from "../hcm-shared.ts";
import { appendVia } from "./request-headers.ts";

/** What every answer of this connection manager carries: date, server, via, x-request-id when asked (Envoy: mutateResponseHeaders). */
export function finishResponseHeaders(response: ResponseHead, request: RequestHead, shared: HcmShared): void {
	const { config, date } = shared;
	const { headers } = response;
	if (!headers.has("date")) headers.append("date", date.text());
	if (config.serverHeader === "overwrite") headers.set("server", config.serverName);
	else if (config.serverHeader === "append-if-absent" && !headers.has("server"))
		headers.append("server", config.serverName);
	if (config.via !== "") appendVia(headers, config.via);
	if (!config.identity.alwaysSetRequestIdInResponse && !request.headers.has("x-envoy-force-trace")) return;
	const id = request.headers.get("x-request-id");
	if (id !== undefined) headers.set("x-request-id", id);
}
