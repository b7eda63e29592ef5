import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { exchange, serveHandler, stopServer } from "../../../test/support/serve-handler.ts";
import { webSocketEcho } from "../kit/websocket-echo.ts";
import { echoBasic } from "./echo-handler.ts";
import { h2cServer } from "./h2c-port.ts";

const app = echoBasic({ NAMESPACE: "default", SERVICE_NAME: "my-service-v1", POD_NAME: "pod-1" });

test("tells what it saw of the request, indented by one blank", async () => {
	await using server = await serveHandler(app);
	const answer = await server.get("/a//b?q=1", { "x-a": "1", connection: "close" });
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], "application/json");
	assert.equal(answer.headers["x-content-type-options"], "nosniff");
	assert.equal(
		answer.body,
		`{
 "path": "/a//b?q=1",
 "host": "127.0.0.1:${server.port}",
 "method": "GET",
 "proto": "HTTP/1.1",
 "headers": {
  "Connection": [
   "close"
  ],
  "Host": [
   "127.0.0.1:${server.port}"
  ],
  "X-A": [
   "1"
  ]
 },
 "namespace": "default",
 "ingress": "",
 "service": "my-service-v1",
 "pod": "pod-1"
}`,
	);
});

test("health, status, delay and response headers on request", async () => {
	await using server = await serveHandler(app);
	assert.equal((await server.get("/health")).body, "OK");
	assert.deepEqual([(await server.get("/status/418")).status, (await server.get("//status//404")).status], [418, 404]);
	const start = performance.now();
	await server.get("/?delay=60ms");
	assert.ok(performance.now() - start >= 55);
	assert.equal((await server.get("/?delay=soon")).status, 400);
	const { headers } = await server.get("/", { "x-echo-set-header": "a:b,c:d" });
	assert.deepEqual([headers.a, headers.c], ["b", "d"]);
});

test("the h2c port answers HTTP/2 and refuses HTTP/1", async () => {
	const server = h2cServer(app);
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	const { port } = server.address() as AddressInfo;
	const refused = await exchange(`http://127.0.0.1:${port}/`, {});
	assert.equal(refused.status, 400);
	assert.match(refused.body, /^Expected h2c request/);

	const session = connect(`http://127.0.0.1:${port}`);
	const stream = session.request({ ":path": "/x", "x-a": "1" });
	let body = "";
	for await (const chunk of stream.setEncoding("utf8")) body += chunk;
	const seen = JSON.parse(body);
	assert.deepEqual([seen.proto, seen.path, seen.host], ["HTTP/2.0", "/x", `127.0.0.1:${port}`]);
	assert.deepEqual(seen.headers, { "X-A": ["1"] });
	session.destroy();
	await new Promise((resolve) => server.close(resolve));
});

test("/ws sends every message back; another path is no WebSocket", async () => {
	const server = createServer();
	server.on("upgrade", webSocketEcho("/ws"));
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	const { port } = server.address() as AddressInfo;
	const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
	const echoed = await new Promise((resolve, reject) => {
		socket.on("open", () => socket.send("hello"));
		socket.on("message", (data) => resolve(String(data)));
		socket.on("error", reject);
	});
	assert.equal(echoed, "hello");
	socket.terminate();
	const other = new WebSocket(`ws://127.0.0.1:${port}/other`);
	const error = await new Promise<Error>((resolve) => {
		other.on("error", resolve);
	});
	assert.match(error.message, /404/);
	await stopServer(server);
});
