import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderMap } from "../../http/header-map.ts";
import type { Http2Options } from "../../http/http2/http2-options.ts";
import { CLIENT_PREFACE, ERROR_CODE, FLAG, FRAME } from "../frame/frame.ts";
import {
	frameHeader,
	headersFrames,
	pingFrame,
	rstStreamFrame,
	settingsFrame,
	uint32,
	windowUpdateFrame,
} from "../frame/frame-writer.ts";
import { HpackEncoder } from "../hpack/hpack-encoder.ts";
import { countingStats, MemoryOutput, RecordingServer, sessionSetup } from "../http2-fixture.ts";
import { ServerSession } from "./server-session.ts";

const GET: readonly [string, string][] = [
	[":method", "GET"],
	[":scheme", "http"],
	[":path", "/"],
	[":authority", "a.example"],
];

/** A server and the hand that writes its client's frames. */
class Bench {
	readonly output = new MemoryOutput();
	readonly user = new RecordingServer();
	readonly stats = countingStats();
	readonly session: ServerSession;
	readonly encoder = new HpackEncoder(4096);

	constructor(options: Partial<Http2Options> = {}) {
		this.session = new ServerSession({ ...sessionSetup(this.output, options), stats: this.stats }, this.user);
		this.send(CLIENT_PREFACE + settingsFrame([]));
		this.output.take();
		this.user.events.length = 0;
	}

	send(text: string): void {
		const bytes = Buffer.from(text, "latin1");
		this.session.receive(bytes, 0, bytes.length);
	}

	block(fields: readonly (readonly [string, string])[]): string {
		return this.encoder.begin() + fields.map(([name, value]) => this.encoder.encode(name, value)).join("");
	}

	request(streamId: number, fields: readonly (readonly [string, string])[], endStream = true): void {
		this.send(headersFrames(streamId, this.block(fields), endStream, 16_384));
	}

	data(streamId: number, text: string, endStream = false): void {
		this.send(frameHeader(text.length, FRAME.data, endStream ? FLAG.endStream : 0, streamId) + text);
	}

	/** Types of the frames sent since the last call, each with stream and the last four bytes of short ones. */
	sent(): string[] {
		const bytes = this.output.take();
		const frames: string[] = [];
		for (let at = 0; at < bytes.length; ) {
			const length = bytes.readUIntBE(at, 3);
			const type = Object.keys(FRAME)[bytes[at + 3]!]!;
			const tail = type === "headers" || type === "data" ? length : bytes.readUInt32BE(at + 5 + length);
			frames.push(`${type} ${bytes.readUInt32BE(at + 5)} ${length >= 4 || type === "data" ? tail : ""}`.trim());
			at += 9 + length;
		}
		return frames;
	}
}

describe("ServerSession", () => {
	it("refuses malformed requests: the connection by default, the stream where that is configured", () => {
		const without = (name: string) => GET.filter(([field]) => field !== name);
		const malformed: Record<string, readonly (readonly [string, string])[]> = {
			"no method": without(":method"),
			"no scheme": without(":scheme"),
			"no path": without(":path"),
			"empty path": [...without(":path"), [":path", ""]],
			"path without slash": [...without(":path"), [":path", "a"]],
			"pseudo field twice": [...GET, [":path", "/b"]],
			"pseudo field behind others": [["accept", "*/*"], ...GET],
			"unknown pseudo field": [...GET, [":what", "x"]],
			status: [...GET, [":status", "200"]],
			"upper case": [...GET, ["X-Upper", "a"]],
			"line feed": [...GET, ["x-a", "a\nb"]],
			NUL: [...GET, ["x-a", "a\0b"]],
			connection: [...GET, ["connection", "close"]],
			"transfer-encoding": [...GET, ["transfer-encoding", "chunked"]],
			te: [...GET, ["te", "gzip"]],
			"user info": [...without(":authority"), [":authority", "u@a.example"]],
			"content-length without body": [...GET, ["content-length", "3"]],
			"content-length twice": [...GET, ["content-length", "0"], ["content-length", "0"]],
			"content-length no number": [...GET, ["content-length", "+1"]],
			"protocol without permission": [
				["x", "y"],
				[":protocol", "websocket"],
			],
			"CONNECT with path": [
				[":method", "CONNECT"],
				[":authority", "a:1"],
				[":path", "/"],
			],
			"CONNECT without authority": [[":method", "CONNECT"]],
		};
		for (const [name, fields] of Object.entries(malformed)) {
			const strict = new Bench();
			strict.request(1, fields);
			assert.equal(strict.user.events.length, 1, name);
			assert.match(strict.user.events[0]!, /^error 1 /, name);
			assert.deepEqual(strict.sent(), ["goAway 0 1"], name);
			const lenient = new Bench({ streamErrorOnInvalidMessage: true });
			lenient.request(1, fields);
			assert.deepEqual(lenient.sent(), ["rstStream 1 1"], name);
			lenient.request(3, GET);
			assert.equal(lenient.user.events.length, 2, name);
			assert.equal(lenient.stats.counts.rx_messaging_error, 1, name);
		}
	});

	it("holds a body to its declared length", () => {
		for (const [text, end] of [
			["abcd", false],
			["ab", true],
		] as const) {
			const bench = new Bench();
			bench.request(1, [...GET, ["content-length", "3"]], false);
			bench.data(1, text, end);
			assert.equal(bench.user.events.at(-1), "1 reset 1 protocol");
			assert.deepEqual(bench.sent(), ["rstStream 1 1"]);
		}
	});

	it("joins cookies, takes host for :authority, drops host beside it", () => {
		const bench = new Bench();
		bench.request(1, [...GET, ["host", "b.example"], ["cookie", "a=1"], ["x-a", "1"], ["cookie", "b=2"]]);
		bench.request(3, [...GET.slice(0, 3), ["host", "b.example"]]);
		assert.deepEqual(bench.user.events, [
			"1 request GET http://a.example/ {x-a: 1; cookie: a=1; b=2} true",
			"1 end",
			"3 request GET http://b.example/ {} true",
			"3 end",
		]);
	});

	it("shows an extended CONNECT as the HTTP/1 upgrade it stands for, and its acceptance as 200", () => {
		const bench = new Bench({ allowConnect: true });
		bench.request(1, [[":method", "CONNECT"], [":protocol", "websocket"], ...GET.slice(1)], false);
		assert.deepEqual(bench.user.events, [
			"1 request GET http://a.example/ {upgrade: websocket; connection: upgrade} upgrade websocket false",
		]);
		const headers = HeaderMap.of(["connection", "upgrade"], ["upgrade", "websocket"], ["x-a", "1"]);
		bench.session.respond(bench.user.streams[0]!, { status: 101, headers }, false);
		const expected = bench.block([
			[":status", "200"],
			["x-a", "1"],
		]);
		assert.equal(bench.output.text.slice(9), new HpackEncoder(4096).encode(":status", "200") + expected.slice(1));
	});

	it("keeps a body within both windows and goes on when they open", () => {
		const bench = new Bench();
		bench.send(settingsFrame([[4, 10]]));
		bench.request(1, GET);
		bench.sent();
		const stream = bench.user.streams[0]!;
		bench.session.respond(stream, { status: 200, headers: new HeaderMap() }, false);
		stream.sendData(Buffer.from("0123456789abcdef"), 0, 16);
		stream.finish(undefined);
		assert.deepEqual(bench.sent(), ["headers 1", "data 1 10"]);
		bench.send(windowUpdateFrame(1, 4));
		assert.deepEqual(bench.sent(), ["data 1 4"]);
		bench.send(settingsFrame([[4, 12]]));
		assert.deepEqual(bench.sent(), ["settings 0", "data 1 2"]);
		assert.equal(stream.closed, true);
	});

	it("tells the owner of a stream when it stalls and when it goes on", () => {
		const bench = new Bench();
		bench.request(1, GET);
		const stream = bench.user.streams[0]!;
		bench.session.respond(stream, { status: 200, headers: new HeaderMap() }, false);
		stream.sendData(Buffer.alloc(200_000), 0, 200_000);
		assert.equal(stream.congested, true);
		for (let i = 0; i < 4; i++) bench.send(windowUpdateFrame(0, 65_535) + windowUpdateFrame(1, 65_535));
		assert.equal(bench.user.events.at(-1), "1 drain");
		assert.equal(stream.congested, false);
	});

	it("credits a body as it is consumed, and a paused stream not at all", () => {
		const bench = new Bench({ initialStreamWindowBytes: 65_535, initialConnectionWindowBytes: 65_535 });
		bench.request(1, GET, false);
		bench.request(3, GET, false);
		bench.user.streams[1]!.pause();
		const piece = "x".repeat(16_384);
		bench.data(1, piece);
		bench.data(3, piece);
		bench.data(1, piece);
		assert.deepEqual(bench.sent(), ["windowUpdate 0 32768", "windowUpdate 1 32768"]);
		bench.user.streams[1]!.resume();
		bench.data(3, piece);
		assert.deepEqual(bench.sent(), ["windowUpdate 0 32768", "windowUpdate 3 32768"]);
	});

	it("refuses more than the windows hold", () => {
		const bench = new Bench({ initialStreamWindowBytes: 65_535, initialConnectionWindowBytes: 200_000 });
		bench.request(1, GET, false);
		bench.user.streams[0]!.pause();
		for (let i = 0; i < 4; i++) bench.data(1, "x".repeat(16_384));
		assert.equal(bench.user.events.at(-1), "1 reset 3 protocol");
	});

	it("resets a stream whose head is too large, and goes on with the others", () => {
		const bench = new Bench();
		const many = Array.from({ length: 120 }, (_, i) => [`x-${i}`, "v"] as const);
		bench.request(1, [...GET, ...many]);
		bench.request(3, GET);
		assert.deepEqual(bench.sent(), [`rstStream 1 ${ERROR_CODE.internalError}`]);
		assert.equal(bench.user.events.length, 2);
		assert.equal(bench.stats.counts.header_overflow, 1);
	});

	it("does not keep the fields of a header bomb", () => {
		const bench = new Bench();
		const bomb = bench.block([["x-bomb", "b".repeat(1900)]]);
		bench.request(1, GET);
		bench.send(headersFrames(3, bench.block(GET) + bomb.slice(0), false, 16_384));
		const reference = bench.block([["x-bomb", "b".repeat(1900)]]);
		bench.send(headersFrames(5, bench.block(GET) + reference.repeat(10_000), true, 16_384));
		assert.ok(bench.sent().includes(`rstStream 5 ${ERROR_CODE.internalError}`));
	});

	it("refuses streams beyond the limit", () => {
		const bench = new Bench({ maxConcurrentStreams: 2 });
		for (const id of [1, 3, 5]) bench.request(id, GET, false);
		assert.deepEqual(bench.sent(), [`rstStream 5 ${ERROR_CODE.refusedStream}`]);
		bench.send(rstStreamFrame(1, 8));
		bench.request(7, GET, false);
		assert.equal(bench.session.activeStreams, 2);
	});

	it("lets streams finish after GOAWAY and does not look at later ones", () => {
		const bench = new Bench();
		bench.request(1, GET, false);
		bench.session.goAway(0, true);
		bench.request(3, GET);
		bench.session.goAway(0);
		bench.request(5, GET);
		bench.data(1, "rest", true);
		assert.deepEqual(
			bench.user.events.map((event) => event.slice(0, 6)),
			["1 requ", "3 requ", "3 end", "1 data", "1 end"],
		);
		assert.equal(bench.sent().filter((frame) => frame.startsWith("goAway")).length, 2);
	});

	it("ignores what a peer had sent before it saw our reset", () => {
		const bench = new Bench();
		bench.request(1, GET, false);
		bench.user.streams[0]!.reset(ERROR_CODE.cancel);
		bench.sent();
		bench.data(1, "late");
		bench.send(headersFrames(1, bench.block([["x-trailer", "t"]]), true, 16_384));
		bench.send(windowUpdateFrame(1, 10) + rstStreamFrame(1, 8));
		assert.deepEqual(bench.sent(), []);
		assert.equal(bench.session.ended, false);
	});

	for (const [name, attack, error] of [
		[
			"CONTINUATION",
			(b: Bench) => {
				b.send(frameHeader(0, FRAME.headers, 0, 1));
				for (let i = 0; i < 200; i++) b.send(`${frameHeader(1, FRAME.continuation, 0, 1)}\x82`);
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"a block without end",
			(b: Bench) => {
				b.send(`${frameHeader(1, FRAME.headers, 0, 1)}\x82`);
				for (let i = 0; i < 20; i++) b.send(frameHeader(16_384, FRAME.continuation, 0, 1) + "\x82".repeat(16_384));
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"PING without reading",
			(b: Bench) => {
				b.output.stuckBytes = 1;
				for (let i = 0; i < 1100; i++) b.send(pingFrame("12345678", false));
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"SETTINGS without reading",
			(b: Bench) => {
				b.output.stuckBytes = 1;
				for (let i = 0; i < 1100; i++) b.send(settingsFrame([]));
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"empty DATA",
			(b: Bench) => {
				b.request(1, GET, false);
				for (let i = 0; i < 3; i++) b.data(1, "");
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"PRIORITY",
			(b: Bench) => {
				for (let i = 0; i < 200; i++) b.send(`${frameHeader(5, FRAME.priority, 0, 1)}${uint32(3)}\0`);
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"WINDOW_UPDATE",
			(b: Bench) => {
				for (let i = 0; i < 20; i++) b.send(windowUpdateFrame(0, 1));
			},
			ERROR_CODE.enhanceYourCalm,
		],
		[
			"a window overflow",
			(b: Bench) => {
				b.send(windowUpdateFrame(0, 2 ** 31 - 1));
			},
			ERROR_CODE.flowControlError,
		],
	] as const)
		it(`ends the connection on ${name}`, () => {
			const bench = new Bench();
			attack(bench);
			assert.match(bench.user.events.at(-1)!, new RegExp(`^error ${error} `));
			assert.equal(bench.sent().at(-1), `goAway 0 ${error}`);
			assert.equal(bench.session.activeStreams, 0);
			bench.request(999, GET);
			assert.deepEqual(bench.sent(), []);
		});

	it("ends the connection when its resets are not read", () => {
		const bench = new Bench({ streamErrorOnInvalidMessage: true });
		bench.output.stuckBytes = 1;
		for (let i = 0; i < 1100; i++) bench.request(1 + 2 * i, [...GET, ["te", "x"]]);
		assert.match(bench.user.events.at(-1)!, /^error 11 /);
		assert.equal(bench.stats.counts.outbound_control_flood, 1);
	});
});
