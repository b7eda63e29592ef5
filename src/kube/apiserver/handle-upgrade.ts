import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Authenticator } from "./auth/authenticate.ts";
import { ApiError, internalError, notSupportedYet, unauthorized, unknownResource } from "./http/api-error.ts";
import { splitTarget } from "./http/exchange.ts";
import type { ApiContext } from "./rest/api-context.ts";
import { parseScope } from "./rest/request-scope.ts";

const MAX_HANDSHAKE_MS = 30_000;

/** Answers an HTTP/1.1 upgrade: exec and attach of pods; a refusal is a Status, as for any request. */
export async function handleUpgrade(
	context: ApiContext,
	authenticate: Authenticator,
	request: IncomingMessage,
	socket: Duplex,
	head: Buffer,
): Promise<void> {
	socket.on("error", () => socket.destroy());
	const cancel = context.clock.after(MAX_HANDSHAKE_MS, () => socket.destroy());
	try {
		const user = authenticate(request.headers.authorization, socket as TLSSocket);
		if (!user) throw unauthorized();
		const { path, query } = splitTarget(request.url ?? "/");
		const scope = parseScope(path, context.resources);
		if (scope.resource.storage !== "core/pods") throw unknownResource();
		if (scope.subresource !== "exec" && scope.subresource !== "attach")
			throw notSupportedYet(`${scope.resource.kind.plural}/${scope.subresource}`);
		await context.kubelet.tunnel(scope, query, { request, socket, head });
	} catch (error) {
		refuse(context, socket, error);
	} finally {
		cancel();
	}
}

function refuse(context: ApiContext, socket: Duplex, error: unknown): void {
	const apiError = error instanceof ApiError ? error : internalError(error);
	if (apiError.status.code >= 500 && apiError.status.code !== 501)
		context.logger.error({ err: error }, "an exec or attach request failed");
	const body = JSON.stringify(apiError.status);
	const lines = [
		`HTTP/1.1 ${apiError.status.code} ${apiError.status.reason ?? "Error"}`,
		"Content-Type: application/json",
		`Content-Length: ${Buffer.byteLength(body)}`,
		"Connection: close",
	];
	socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
