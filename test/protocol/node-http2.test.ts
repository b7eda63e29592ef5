import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { batchWrites } from "../../src/proxy/codec/transport.ts";
import { HeaderMap } from "../../src/proxy/http/header-map.ts";
import type { RequestHead } from "../../src/proxy/http/message.ts";
import { Recorder, RecordingServer, sessionSetup } from "../../src/proxy/http2/http2-fixture.ts";
import { ClientSession } from "../../src/proxy/http2/session/client-session.ts";
import type { Http2Output } from "../../src/proxy/http2/session/http2-output.ts";
import type { Http2Stream } from "../../src/proxy/http2/session/http2-stream.ts";
import { ServerSession } from "../../src/proxy/http2/session/server-session.ts";
import { runOverSocket } from "./session-socket.ts";

/** Sends each body back as it comes, holding the sender back while the client does not read. */
function echo(session: () => ServerSession, stream: Http2Stream): void {
	session().respond(stream, { status: 200, headers: HeaderMap.of(["x-echo", "yes"]) }, false);
	stream.user = {
		onResponse: () => undefined,
		onInformational: () => undefined,
		onData: (buf, start, end) => {
			stream.sendData(buf, start, end);
			if (stream.congested) stream.pause();
		},
		onDrain: () => stream.resume(),
		onReset: () => undefined,
		onEnd: (trailers) => stream.finish(trailers),
	};
}

async function echoServer(): Promise<{ url: string; close(): void }> {
	const server = createServer((socket) => {
		const user = new RecordingServer((stream) => echo(() => session, stream));
		// Node sends an empty DATA frame before trailers: from many streams at once they may come in a row.
		const setup = (output: Http2Output) => sessionSetup(output, { maxConsecutiveEmptyFrames: 100 });
		const { session } = runOverSocket(socket, (output) => new ServerSession(setup(output), user));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

function sha(bytes: Buffer): string {
	return createHash("sha256").update(bytes).digest("hex");
}

async function exchange(client: http2.ClientHttp2Session, body: Buffer): Promise<{ body: Buffer; trailers: object }> {
	const request = client.request({ ":method": "POST", ":path": "/echo" }, { waitForTrailers: true });
	request.on("wantTrailers", () => request.sendTrailers({ "x-sum": sha(body) }));
	let trailers = {};
	request.on("trailers", (fields) => {
		trailers = fields;
	});
	request.end(body);
	const pieces: Buffer[] = [];
	for await (const piece of request) pieces.push(piece as Buffer);
	return { body: Buffer.concat(pieces), trailers };
}

describe("the codec and node:http2", () => {
	it("carries bodies and trailers as a server, many streams at once", async () => {
		const server = await echoServer();
		// Node's own bound (10 MB) is less than what these streams hold.
		const client = http2.connect(server.url, { maxSessionMemory: 200 });
		try {
			const sizes = [0, 1, 9, 16_384, 16_385, 65_535, 300_000, 2_000_000];
			const answers = await Promise.all(
				Array.from({ length: 40 }, async (_, i) => {
					const body = randomBytes(sizes[i % sizes.length]!);
					const answer = await exchange(client, body);
					assert.equal(sha(answer.body), sha(body));
					return answer.trailers;
				}),
			);
			assert.ok(answers.every((trailers) => "x-sum" in trailers));
		} finally {
			client.destroy();
			server.close();
		}
	});

	it("carries bodies and trailers as a client", async () => {
		const server = http2.createServer();
		server.on("stream", (stream, headers) => {
			// Node calls the refusal that we ask for below an error.
			stream.on("error", () => undefined);
			if (headers[":path"] === "/refuse") stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
			else {
				stream.additionalHeaders({ ":status": 103, link: "</a>" });
				stream.respond({ ":status": 200, "x-path": headers[":path"] }, { waitForTrailers: true });
				stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "yes" }));
				stream.pipe(stream);
			}
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		const { port } = server.address() as AddressInfo;
		const events: string[] = [];
		const socket = connect(port, "127.0.0.1");
		let streams = 0;
		const done = new Promise<void>((resolve) => {
			const owner = {
				onSettings: () => undefined,
				onGoAway: () => undefined,
				onPingAck: () => events.push("ping ack"),
				onSessionError: ({ reason }: { reason: string }) => events.push(reason),
				onStreamClosed: () => {
					if (++streams === 3) resolve();
				},
			};
			const { session } = runOverSocket(socket, (output) => new ClientSession(sessionSetup(output), owner));
			const head = (path: string): RequestHead => ({
				method: "POST",
				path,
				authority: "a.example",
				scheme: "http",
				protocol: "HTTP/2",
				headers: new HeaderMap(),
			});
			batchWrites(() => {
				session.start();
				const manner = { endStream: false, upgrade: "" };
				const first = session.request(head("/a"), new Recorder(events, "a"), manner);
				const second = session.request(head("/b"), new Recorder(events, "b"), manner);
				session.request(head("/refuse"), new Recorder(events, "refuse"), manner);
				session.ping("12345678");
				second.sendText("x".repeat(100_000), true);
				first.sendText("hello", true);
			});
		});
		try {
			await done;
			const of = (name: string) =>
				events.filter((event) => event.startsWith(`${name} `)).map((event) => event.slice(0, 60));
			assert.deepEqual(of("refuse"), ["refuse reset 7 peer"]);
			assert.deepEqual(of("ping"), ["ping ack"]);
			assert.match(of("a")[0]!, /^a interim 103 \{link: <\/a>/);
			assert.match(of("a")[1]!, /^a response 200 \{x-path: \/a; date: /);
			assert.deepEqual(of("a").slice(2), ["a data hello", "a end {x-end: yes}"]);
			assert.equal(events.find((event) => event.startsWith("b data"))?.length, 100_007);
		} finally {
			socket.destroy();
			server.close();
		}
	});
});
