import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { WebSocketServer } from "ws";
import { FakeCluster } from "../../src/proxy/forward/fake-cluster.ts";
import { type ProxyFixture, startProxy } from "../../src/proxy/hcm/proxy-fixture.ts";
import { HTTP2_DEFAULTS } from "../../src/proxy/http/http2/http2-options.ts";
import { eventually } from "../support/eventually.ts";

/** A text frame as a client sends it: masked, with a mask of zeros. */
function textFrame(text: string): Buffer {
	return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

describe("WebSocket and CONNECT between the versions", () => {
	const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
	const endpoint = http2.createServer({ settings: { enableConnectProtocol: true } });
	const seen: http2.IncomingHttpHeaders[] = [];
	let proxy: ProxyFixture;
	let client: http2.ClientHttp2Session;

	before(async () => {
		sockets.on("connection", (socket) => {
			socket.on("message", (data) => socket.send(`echo: ${data}`));
		});
		endpoint.on("stream", (stream, headers) => {
			seen.push(headers);
			stream.on("error", () => undefined);
			stream.respond({ ":status": 200, "x-protocol": headers[":protocol"] ?? "none" });
			stream.pipe(stream);
		});
		await Promise.all([
			once(sockets, "listening"),
			new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve)),
		]);
		const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
		proxy = await startProxy({
			clusters: [
				new FakeCluster("one", [portOf(sockets)]),
				new FakeCluster("two", [portOf(endpoint)], { httpProtocol: "http2" }),
			],
			routes: [
				{
					match: { connect_matcher: {} },
					route: { cluster: "two", upgrade_configs: [{ upgrade_type: "CONNECT" }] },
				},
				{ match: { prefix: "/two" }, route: { cluster: "two" } },
				{ match: { prefix: "/" }, route: { cluster: "one" } },
			],
			config: { http2: { ...HTTP2_DEFAULTS, allowConnect: true }, upgrades: new Set(["websocket"]) },
		});
		client = http2.connect(`http://127.0.0.1:${proxy.port}`);
		await once(client, "remoteSettings");
	});

	after(async () => {
		client.destroy();
		sockets.close();
		for (const socket of sockets.clients) socket.terminate();
		endpoint.close();
		await proxy.close();
	});

	async function open(path: string): Promise<{ stream: http2.ClientHttp2Stream; headers: http2.IncomingHttpHeaders }> {
		const stream = client.request({
			":method": "CONNECT",
			":protocol": "websocket",
			":path": path,
			":scheme": "http",
			":authority": "a.example",
			"sec-websocket-version": "13",
			"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
		});
		const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
		return { stream, headers };
	}

	async function read(stream: NodeJS.ReadableStream, what: string): Promise<string> {
		let text = "";
		stream.on("data", (piece: Buffer) => {
			text += piece.toString("latin1");
		});
		await eventually(what, () => text.includes(what));
		return text;
	}

	it("carries WebSocket from HTTP/2 to HTTP/1", async () => {
		const { stream, headers } = await open("/");
		assert.equal(headers[":status"], 200);
		assert.equal(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
		assert.equal(headers.upgrade, undefined);
		stream.write(textFrame("hello"));
		assert.equal(await read(stream, "echo: hello"), "\x81\x0becho: hello");
		stream.close();
	});

	it("carries WebSocket from HTTP/2 to HTTP/2", async () => {
		const { stream, headers } = await open("/two");
		assert.equal(headers["x-protocol"], "websocket");
		stream.write("raw bytes");
		assert.equal(await read(stream, "raw bytes"), "raw bytes");
		stream.close();
	});

	it("carries WebSocket from HTTP/1 to HTTP/2", async () => {
		const socket = connect(proxy.port, "127.0.0.1");
		socket.write(
			"GET /two/chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
		);
		const head = await read(socket, "\r\n\r\n");
		assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
		assert.match(head, /\r\nupgrade: websocket\r\n/);
		socket.write("ping");
		await read(socket, "ping");
		assert.equal(seen.at(-1)![":method"], "CONNECT");
		assert.equal(seen.at(-1)![":path"], "/two/chat");
		assert.equal(seen.at(-1)!.upgrade, undefined);
		socket.destroy();
	});

	it("carries CONNECT from HTTP/2 to HTTP/2 and from HTTP/1 to HTTP/2", async () => {
		const stream = client.request({ ":method": "CONNECT", ":authority": "far.away:443" });
		await once(stream, "response");
		stream.write("over HTTP/2");
		await read(stream, "over HTTP/2");
		assert.equal(seen.at(-1)![":authority"], "far.away:443");
		assert.equal(seen.at(-1)![":path"], undefined);
		stream.close();
		const socket = connect(proxy.port, "127.0.0.1");
		socket.write("CONNECT far.away:80 HTTP/1.1\r\nHost: far.away:80\r\n\r\n");
		assert.match(await read(socket, "\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\n/);
		socket.write("over HTTP/1");
		await read(socket, "over HTTP/1");
		socket.destroy();
	});
});
