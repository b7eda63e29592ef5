import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ResponseParser } from "./response-parser.ts";

type Event = readonly [string, ...unknown[]];

/** Answers to one request with `method`, in pieces; `ends`: the connection ends behind them. */
function parse(pieces: readonly string[], { method = "GET", upgrade = false, ends = false } = {}): Event[] {
	const events: Event[] = [];
	const parser: ResponseParser = new ResponseParser({
		onResponse: ({ status, headers }) =>
			void events.push(["head", status, headers.names.join(), parser.contentLength, parser.keepAlive]),
		onInformational: (status, headers) => void events.push(["interim", status, headers.names.join()]),
		onBody: (buf, start, end) => {
			const text = buf.toString("latin1", start, end);
			const last = events.at(-1);
			if (last?.[0] === "body") events[events.length - 1] = ["body", `${last[1]}${text}`];
			else events.push(["body", text]);
		},
		onEnd: (trailers) => void events.push(["end", trailers?.names]),
		onCodecError: (error) => void events.push(["error", error.reason ?? error.details]),
	});
	parser.expect(method, upgrade);
	for (const piece of pieces) {
		const buf = Buffer.from(piece, "latin1");
		const reached = parser.execute(buf, 0, buf.length);
		if (reached < buf.length) events.push(["rest", buf.length - reached]);
	}
	if (ends) parser.finish();
	return events;
}

const CASES: readonly (readonly [string, string, Parameters<typeof parse>[1], readonly Event[]])[] = [
	[
		"a body by length, and bytes that belong to no answer",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP",
		{},
		[
			["head", 200, "content-length", 2, true],
			["body", "ok"],
			["end", undefined],
			["rest", 4],
		],
	],
	[
		"chunks with trailers",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n",
		{},
		[
			["head", 200, "transfer-encoding", -1, true],
			["body", "ok"],
			["end", ["grpc-status"]],
		],
	],
	[
		"a body that lasts until the connection ends",
		"HTTP/1.1 200\r\n\r\nall of it",
		{ ends: true },
		[
			["head", 200, "", -2, false],
			["body", "all of it"],
			["end", undefined],
		],
	],
	[
		"HEAD has no body, whatever its length says",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		{ method: "HEAD" },
		[
			["head", 200, "content-length", 0, true],
			["end", undefined],
		],
	],
	[
		"304 has no body",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
		{},
		[
			["head", 304, "content-length", 0, true],
			["end", undefined],
		],
	],
	[
		"interim answers come first",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		{},
		[
			["interim", 100, ""],
			["interim", 103, "link"],
			["head", 204, "", 0, true],
			["end", undefined],
		],
	],
	[
		"101 after an upgrade opens a tunnel",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x00",
		{ upgrade: true },
		[
			["head", 101, "upgrade,connection", -3, false],
			["body", "\x81\x00"],
		],
	],
	["101 that nobody asked for", "HTTP/1.1 101 Switching\r\n\r\n", {}, [["error", "invalid_start_line"]]],
	[
		"HTTP/1.0 closes unless it says otherwise",
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		{},
		[
			["head", 200, "content-length", 0, false],
			["end", undefined],
		],
	],
	[
		"a body that is cut short",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		{ ends: true },
		[
			["head", 200, "content-length", 10, true],
			["body", "abc"],
			["error", "premature_end"],
		],
	],
	[
		"length and encoding at once",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		{},
		[["error", "http1.content_length_and_chunked_not_allowed"]],
	],
	["no status", "HTTP/1.1 garbage\r\n\r\n", {}, [["error", "invalid_start_line"]]],
	["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", {}, [["error", "invalid_start_line"]]],
];

describe("answers", () => {
	for (const [name, input, options, events] of CASES)
		test(name, () => assert.deepEqual(parse([input], options), events));
});

test("splitting an answer at any byte gives the same events", () => {
	for (const [name, input, options] of CASES) {
		const whole = parse([input], options).filter(([kind]) => kind !== "rest");
		for (let at = 1; at < input.length; at++) {
			const split = parse([input.slice(0, at), input.slice(at)], options).filter(([kind]) => kind !== "rest");
			assert.deepEqual(split, whole, `${name} at ${at}`);
		}
	}
});

test("a server that sends interim answers for ever is broken", () => {
	const events = parse(["HTTP/1.1 100 Continue\r\n\r\n".repeat(50)]);
	assert.equal(events.at(-1)![0], "error");
	assert.equal(events.length, 11);
});
