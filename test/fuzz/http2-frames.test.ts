import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Random, seededRandom } from "../../src/lib/random.ts";
import { HeaderMap } from "../../src/proxy/http/header-map.ts";
import type { RequestHead } from "../../src/proxy/http/message.ts";
import { CLIENT_PREFACE } from "../../src/proxy/http2/frame/frame.ts";
import { frameHeader, headersFrames, settingsFrame } from "../../src/proxy/http2/frame/frame-writer.ts";
import { HpackEncoder } from "../../src/proxy/http2/hpack/hpack-encoder.ts";
import {
	answerWhole,
	MemoryOutput,
	Recorder,
	RecordingServer,
	sessionSetup,
} from "../../src/proxy/http2/http2-fixture.ts";
import { ClientSession } from "../../src/proxy/http2/session/client-session.ts";
import { ServerSession } from "../../src/proxy/http2/session/server-session.ts";

/** `LATEEN_FUZZ_SECONDS=1800` runs long; `LATEEN_FUZZ_SEED` runs one seed again. */
const SECONDS = Number(process.env.LATEEN_FUZZ_SECONDS ?? 1);
const SEED = process.env.LATEEN_FUZZ_SEED;

const REQUESTS: readonly (readonly (readonly [string, string])[])[] = [
	[
		[":method", "GET"],
		[":scheme", "http"],
		[":path", "/a"],
		[":authority", "a.example"],
	],
	[
		[":method", "POST"],
		[":scheme", "https"],
		[":path", "/b?c=d"],
		[":authority", "b.example"],
		["content-length", "10"],
		["cookie", "a=1"],
		["cookie", "b=2"],
	],
	[
		[":method", "CONNECT"],
		[":protocol", "websocket"],
		[":scheme", "http"],
		[":path", "/ws"],
		[":authority", "a.example"],
	],
	[
		[":method", "CONNECT"],
		[":authority", "far.away:443"],
	],
];

const RESPONSES: readonly (readonly (readonly [string, string])[])[] = [
	[
		[":status", "200"],
		["content-type", "text/plain"],
		["content-length", "5"],
	],
	[
		[":status", "103"],
		["link", "</a>"],
	],
	[
		[":status", "404"],
		["x-long", "l".repeat(300)],
	],
	[["grpc-status", "0"]],
];

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;

/** A stretch of frames that mostly make sense. */
function frames(random: Random, blocks: typeof REQUESTS, encoder: HpackEncoder): string {
	let text = "";
	for (let i = random.below(12); i >= 0; i--) text += frame(random, blocks, encoder);
	return text;
}

function frame(random: Random, blocks: typeof REQUESTS, encoder: HpackEncoder): string {
	const id = random.below(8);
	const bytes = (length: number) => Array.from({ length }, () => String.fromCharCode(random.below(256))).join("");
	switch (random.below(9)) {
		case 0:
		case 1:
		case 2: {
			const block =
				encoder.begin() +
				pick(random, blocks)
					.map(([n, v]) => encoder.encode(n, v))
					.join("");
			return headersFrames(1 + 2 * random.below(6), block, random.below(2) === 0, 1 + random.below(60));
		}
		case 3: {
			const body = bytes(random.below(30));
			return frameHeader(body.length, 0, random.below(2) * 8 + random.below(2), 1 + 2 * random.below(6)) + body;
		}
		case 4:
			return settingsFrame([[random.below(9), pick(random, [0, 1, 100, 65_535, 16_384, 2 ** 31 - 1, 2 ** 31])]]);
		default: {
			const payload = bytes(pick(random, [0, 4, 4, 5, 6, 8, 8, 12, random.below(40)]));
			return frameHeader(payload.length, random.below(12), random.below(256), id) + payload;
		}
	}
}

/** Changes bytes as wires, broken peers and attackers do. */
function mutate(random: Random, bytes: Buffer): Buffer {
	let out = Buffer.from(bytes);
	for (let i = random.below(4); i > 0 && out.length > 0; i--) {
		const at = random.below(out.length);
		const length = Math.min(out.length - at, 1 + random.below(12));
		switch (random.below(5)) {
			case 0:
				out[at] = out[at]! ^ (1 << random.below(8));
				break;
			case 1:
				out[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff]);
				break;
			case 2:
				out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
				break;
			case 3:
				out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
				break;
			default:
				out = out.subarray(0, at);
		}
	}
	return out;
}

function feed(random: Random | undefined, bytes: Buffer, receive: (buf: Buffer) => void): void {
	for (let at = 0; at < bytes.length; ) {
		const length = random
			? Math.min(bytes.length - at, 1 + random.below(random.below(4) === 0 ? 3 : 200))
			: bytes.length;
		const piece = Buffer.from(bytes.subarray(at, at + length));
		receive(piece);
		piece.fill(0xff);
		at += length;
	}
}

interface Outcome {
	readonly events: readonly string[];
	readonly sent: string;
	readonly open: number;
}

function serve(bytes: Buffer, random?: Random): Outcome {
	const output = new MemoryOutput();
	const user = new RecordingServer(answerWhole(() => session, "answer"));
	const session: ServerSession = new ServerSession(sessionSetup(output, { allowConnect: true }), user);
	feed(random, bytes, (buf) => session.receive(buf, 0, buf.length));
	const open = session.activeStreams;
	session.close();
	assert.equal(session.activeStreams, 0);
	return { events: user.events, sent: output.text, open };
}

function call(bytes: Buffer, random?: Random): Outcome {
	const output = new MemoryOutput();
	const events: string[] = [];
	const session = new ClientSession(sessionSetup(output), {
		onSettings: () => events.push("settings"),
		onGoAway: (code) => events.push(`goaway ${code}`),
		onPingAck: () => events.push("ping ack"),
		onStreamClosed: () => undefined,
		onSessionError: ({ code, reason }) => events.push(`error ${code} ${reason}`),
	});
	session.start();
	for (const method of ["GET", "POST", "HEAD", "GET"]) {
		const head: RequestHead = {
			method,
			path: "/",
			authority: "a.example",
			scheme: "http",
			protocol: "HTTP/2",
			headers: new HeaderMap(),
		};
		const upgrade = events.length === 3 ? "websocket" : "";
		session.request(head, new Recorder(events, method), { endStream: method !== "POST", upgrade });
	}
	feed(random, bytes, (buf) => session.receive(buf, 0, buf.length));
	const open = session.activeStreams;
	session.close();
	return { events, sent: output.text, open };
}

function attack(seed: number): void {
	const random = seededRandom(seed);
	const encoder = new HpackEncoder(4096);
	const toServer = mutate(
		random,
		Buffer.from(CLIENT_PREFACE + settingsFrame([]) + frames(random, REQUESTS, encoder), "latin1"),
	);
	const whole = serve(toServer);
	assert.deepEqual(serve(toServer, random), whole, `server, seed ${seed}`);
	// Each byte that comes may be answered by a frame or two, not by a flood.
	assert.ok(whole.sent.length < 2000 + toServer.length * 20, `server, seed ${seed}: ${whole.sent.length} bytes sent`);
	const toClient = mutate(
		random,
		Buffer.from(settingsFrame([]) + frames(random, RESPONSES, new HpackEncoder(4096)), "latin1"),
	);
	assert.deepEqual(call(toClient, random), call(toClient), `client, seed ${seed}`);
}

describe("HTTP/2 codec under fire", () => {
	it(`takes mutated frames in any pieces for ${SECONDS} s: no throw, the same events at every split`, () => {
		if (SEED !== undefined) {
			attack(Number(SEED));
			return;
		}
		const first = Date.now() % 1_000_000_000;
		const end = performance.now() + SECONDS * 1000;
		let seed = first;
		try {
			for (; performance.now() < end; seed++) attack(seed);
		} catch (error) {
			throw new Error(`LATEEN_FUZZ_SEED=${seed} shows it again`, { cause: error });
		}
		assert.ok(seed - first > 100, `only ${seed - first} rounds`);
	});
});
