import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import { answerWhole, MemoryOutput, Recorder, RecordingServer, sessionSetup } from "../http2-fixture.ts";
import { ClientSession } from "./client-session.ts";
import { ServerSession } from "./server-session.ts";

function request(method: string, path: string, headers: HeaderMap): RequestHead {
	return { method, path, authority: "example.com", scheme: "http", protocol: "HTTP/2", headers };
}

const idle = {
	onSettings: () => undefined,
	onGoAway: () => undefined,
	onPingAck: () => undefined,
	onStreamClosed: () => undefined,
	onSessionError: () => undefined,
};

/** What a client says: requests with and without body, one with a head of several frames, trailers, PING, a reset. */
function conversation(): Buffer {
	const output = new MemoryOutput();
	const client = new ClientSession(sessionSetup(output), idle);
	const user = new Recorder([], "");
	client.start();
	client.request(request("GET", "/a", HeaderMap.of(["accept", "*/*"], ["cookie", "a=1"])), user, {
		endStream: true,
		upgrade: "",
	});
	const post = client.request(request("POST", "/b", HeaderMap.of(["content-length", "11"])), user, {
		endStream: false,
		upgrade: "",
	});
	const long = HeaderMap.of(["x-long", "l".repeat(20_000)], ["x-other", "o"]);
	const big = client.request(request("PUT", "/c", long), user, { endStream: false, upgrade: "" });
	post.sendText("hello ", false);
	client.ping("12345678");
	big.sendText("d".repeat(17_000), false);
	post.sendText("world", false);
	big.finish(HeaderMap.of(["x-trailer", "t"]));
	post.finish(undefined);
	const dropped = client.request(request("GET", "/d", new HeaderMap()), user, { endStream: false, upgrade: "" });
	dropped.reset(8);
	return output.take();
}

/** What a server makes of `bytes` that come in pieces ending at `cuts`. */
function serve(bytes: Buffer, cuts: readonly number[]): { events: string[]; sent: string } {
	const output = new MemoryOutput();
	const user = new RecordingServer(answerWhole(() => session, "answer"));
	const session: ServerSession = new ServerSession(sessionSetup(output), user);
	let at = 0;
	for (const cut of [...cuts, bytes.length]) {
		// Each piece in a buffer of its own, overwritten afterwards: nothing may be kept of it.
		const piece = Buffer.from(bytes.subarray(at, cut));
		session.receive(piece, 0, piece.length);
		piece.fill(0xff);
		at = cut;
	}
	return { events: user.events, sent: output.text };
}

describe("a session's bytes", () => {
	const bytes = conversation();
	const whole = serve(bytes, []);

	it("are understood", () => {
		assert.deepEqual(
			whole.events.map((event) => event.slice(0, 60)),
			[
				"settings",
				"1 request GET http://example.com/a {accept: */*; cookie: a=1",
				"1 end",
				"3 request POST http://example.com/b {content-length: 11} fal",
				"5 request PUT http://example.com/c {x-long: llllllllllllllll",
				"5 data ddddddddddddddddddddddddddddddddddddddddddddddddddddd",
				"3 data hello world",
				"5 end {x-trailer: t}",
				"3 end",
				"7 request GET http://example.com/d {} false",
				"7 reset 8 peer",
			],
		);
	});

	it("give the same events at every split", () => {
		for (let cut = 1; cut < 400; cut++) assert.deepEqual(serve(bytes, [cut]), whole, `cut at ${cut}`);
		for (let cut = 400; cut < bytes.length; cut += 97) assert.deepEqual(serve(bytes, [cut]), whole, `cut at ${cut}`);
	});

	it("give the same events in any pieces", () => {
		fc.assert(
			fc.property(fc.array(fc.nat(bytes.length), { maxLength: 60 }), (cuts) => {
				const sorted = [...new Set(cuts)].sort((a, b) => a - b);
				assert.deepEqual(serve(bytes, sorted), whole);
			}),
			{ numRuns: 50 },
		);
	});

	it("give the same events byte by byte", () => {
		assert.deepEqual(serve(bytes, [...bytes.keys()].slice(1)), whole);
	});
});
