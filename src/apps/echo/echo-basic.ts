import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { onStop } from "../kit/lifecycle.ts";
import type { Handler } from "../kit/router.ts";
import { type Env, http2RequestListener, serve } from "../kit/serve.ts";
import { webSocketEcho } from "../kit/websocket-echo.ts";
import { echoBasic } from "./echo-handler.ts";
import { h2cServer } from "./h2c-port.ts";

const HTTP_PORT = 3000;
const H2C_PORT = 3001;
const HTTPS_PORT = 8443;

/** Plain HTTP, HTTP/2 without TLS and, with TLS_SERVER_CERT and TLS_SERVER_PRIVKEY, HTTPS: each on its port. */
export async function start(env: Env): Promise<void> {
	if (env.GRPC_ECHO_SERVER)
		throw new Error("GRPC_ECHO_SERVER asks for the gRPC echo server, which the built-in echo-basic does not have");
	const handler = echoBasic(env);
	await serve("echo-basic", handler, { port: Number(env.HTTP_PORT ?? HTTP_PORT), env, upgrade: webSocketEcho("/ws") });
	await listen(h2cServer(handler), Number(env.H2C_PORT ?? H2C_PORT), env);
	if (env.TLS_SERVER_CERT && env.TLS_SERVER_PRIVKEY)
		await listen(httpsServer(handler, env), Number(env.HTTPS_PORT ?? HTTPS_PORT), env);
}

function httpsServer(handler: Handler, env: Env): Server {
	const clientCa = env.TLS_CLIENT_CACERTS;
	const options = {
		allowHTTP1: true,
		cert: readFileSync(env.TLS_SERVER_CERT!),
		key: readFileSync(env.TLS_SERVER_PRIVKEY!),
		requestCert: true,
		rejectUnauthorized: Boolean(clientCa),
		...(clientCa ? { ca: readFileSync(clientCa) } : {}),
	};
	const server = process.getBuiltinModule("node:http2").createSecureServer(options);
	server.on("request", http2RequestListener(handler));
	(server as NodeJS.EventEmitter).on("upgrade", webSocketEcho("/ws"));
	return server;
}

async function listen(server: Server, port: number, env: Env): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, env.HOST, resolve);
	});
	onStop(() => {
		server.close();
	});
}
