import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RequestParser } from "./request-parser.ts";

type Event = readonly [string, ...unknown[]];

/** Feeds `pieces` of one connection and lists what the parser says; body pieces in a row are joined. */
function parse(pieces: readonly string[], options: ConstructorParameters<typeof RequestParser>[1] = {}): Event[] {
	const events: Event[] = [];
	const parser: RequestParser = new RequestParser(
		{
			onRequest: ({ method, path, authority, scheme, protocol, headers }) => {
				const fields = headers.names.map((name, i) => `${name}: ${headers.values[i]}`);
				events.push([
					"head",
					method,
					path,
					authority,
					scheme,
					protocol,
					fields,
					parser.contentLength,
					parser.keepAlive,
				]);
			},
			onBody: (buf, start, end) => {
				const text = buf.toString("latin1", start, end);
				const last = events.at(-1);
				if (last?.[0] === "body") events[events.length - 1] = ["body", `${last[1]}${text}`];
				else events.push(["body", text]);
			},
			onEnd: (trailers) => events.push(["end", trailers?.names, trailers?.values]),
			onCodecError: (error) => events.push(["error", error.status, error.reason ?? error.details]),
		},
		options,
	);
	for (const piece of pieces) {
		const buf = Buffer.from(piece, "latin1");
		let at = 0;
		while (at < buf.length) {
			at = parser.execute(buf, at, buf.length);
			if (parser.ended) parser.next();
		}
	}
	return events;
}

const get = (extra = "", target = "/") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;
const post = (extra: string, body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${extra}\r\n${body}`;

/** Input → status and details of the refusal. */
const REFUSED: readonly (readonly [string, string, number, string])[] = [
	[
		"length and encoding",
		post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "abc"),
		400,
		"content_length_and",
	],
	["two different lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400, "content_length"],
	["two equal lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400, "content_length"],
	["a list of lengths", post("Content-Length: 3, 3\r\n", "abc"), 400, "content_length"],
	["a signed length", post("Content-Length: +3\r\n", "abc"), 400, "content_length"],
	["a negative length", post("Content-Length: -1\r\n", ""), 400, "content_length"],
	["a hexadecimal length", post("Content-Length: 0x3\r\n", "abc"), 400, "content_length"],
	["a length with a blank", post("Content-Length: 1 2\r\n", "abc"), 400, "content_length"],
	["an empty length", post("Content-Length:\r\n", ""), 400, "content_length"],
	["a length beyond numbers", post("Content-Length: 99999999999999999999\r\n", ""), 400, "content_length"],
	["an unknown encoding", post("Transfer-Encoding: gzip\r\n", ""), 501, "transfer_encoding"],
	["an encoding list", post("Transfer-Encoding: gzip, chunked\r\n", ""), 501, "transfer_encoding"],
	["chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""), 501, "transfer_encoding"],
	["a hidden encoding", post("Transfer-Encoding: xchunked\r\n", ""), 501, "transfer_encoding"],
	["chunked in quotes", post('Transfer-Encoding: "chunked"\r\n', ""), 501, "transfer_encoding"],
	["a vertical tab in the encoding", post("Transfer-Encoding: \x0bchunked\r\n", ""), 400, "characters"],
	["a blank before the colon", post("Transfer-Encoding : chunked\r\n", ""), 400, "header_name"],
	["a blank in a name", get("X Y: 1\r\n"), 400, "header_name"],
	["no colon", get("nonsense\r\n"), 400, "header_name"],
	["an empty name", get(": x\r\n"), 400, "header_name"],
	["a name beyond ASCII", get("X-\xe9: 1\r\n"), 400, "header_name"],
	["a folded line", get("X: 1\r\n 2\r\n"), 400, "obs_fold"],
	["a folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "obs_fold"],
	["bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400, "bare_lf"],
	["one bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400, "bare_lf"],
	["a bare carriage return in a value", get("X: 1\r2\r\n"), 400, "characters"],
	["a NUL in a value", get("X: 1\x002\r\n"), 400, "characters"],
	["DEL in a value", get("X: 1\x7f\r\n"), 400, "characters"],
	["two hosts", get("Host: b\r\n"), 400, "several_host"],
	["no host", "GET / HTTP/1.1\r\n\r\n", 400, "missing_host"],
	["a host with user info", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "invalid_authority"],
	["a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid_authority"],
	["a host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "invalid_authority"],
	["a fragment", get("", "/a#b"), 400, "path_normalization"],
	["a target without slash", get("", "a"), 400, "invalid_target"],
	["a target beyond ASCII", get("", "/\xe9"), 400, "invalid_target"],
	["user info in the target", get("", "http://u:p@a/"), 400, "invalid_url"],
	["another scheme", get("", "ftp://a/"), 400, "invalid_scheme"],
	["a target without host", get("", "http:///x"), 400, "invalid_url"],
	["star with GET", get("", "*"), 400, "invalid_url"],
	["CONNECT without port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_url"],
	["CONNECT with a body", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400, "body_disallowed"],
	["two blanks in the start line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_start_line"],
	["a tab in the start line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_start_line"],
	["no version", "GET /\r\nHost: a\r\n\r\n", 426, "low_version"],
	["a version with a suffix", "GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400, "invalid_start_line"],
	["a lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, "invalid_start_line"],
	["HTTP/2 by its preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_method"],
	["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 426, "low_version"],
	["a bad method", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"],
	["a method that nobody registered", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"],
	["HTTP/1.0 unless accepted", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 426, "low_version"],
	["TLS on a plain port", "\x16\x03\x01\x02\x00\x01\n", 400, "invalid_method"],
	["TLS on a plain port, before a line ends", "\x16\x03\x01", 400, "invalid_method"],
	["a line that is no request, before a head ends", "hello there\r\n", 400, "invalid_method"],
	["a connection field that strips host", get("Connection: host\r\n"), 400, "missing_host"],
	["a connection field that strips x-forwarded-for", get("Connection: x-forwarded-for\r\n"), 400, "connection_header"],
	["a chunk size without digits", post("Transfer-Encoding: chunked\r\n", "\r\n"), 400, "chunk_size"],
	["a chunk size with a prefix", post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n"), 400, "chunk_size"],
	["a signed chunk size", post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n"), 400, "chunk_size"],
	["a chunk size that overflows", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"), 400, "chunk_size"],
	["a chunk size with a blank", post("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n"), 400, "chunk_size"],
	["a chunk size line with a bare LF", post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n"), 400, "chunk_size"],
	["a bare LF in an extension", post("Transfer-Encoding: chunked\r\n", "3;a\nabc\r\n"), 400, "chunk_extension"],
	["an endless extension", post("Transfer-Encoding: chunked\r\n", `3;${"a".repeat(9000)}\r\n`), 400, "chunk_extension"],
	["a chunk that is longer than it says", post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n"), 400, "chunk_end"],
	["a length as trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 3\r\n\r\n"), 400, "trailer"],
	["a head that is too long", get(`X: ${"a".repeat(61 * 1024)}\r\n`), 431, "headers_too_large"],
	["an endless start line", `GET /${"a".repeat(62 * 1024)}`, 431, "headers_too_large"],
	["too many fields", get("X: 1\r\n".repeat(101)), 431, "too_many_headers"],
	[
		"trailers that are too long",
		post("Transfer-Encoding: chunked\r\n", `0\r\nX: ${"a".repeat(62_000)}`),
		431,
		"trailers",
	],
];

describe("refuses what could be read in two ways", () => {
	for (const [name, input, status, details] of REFUSED) {
		test(name, () => {
			const events = parse([input]);
			const [kind, code, text] = events.at(-1) ?? [];
			assert.equal(kind, "error", JSON.stringify(events));
			assert.equal(code, status);
			assert.match(String(text), new RegExp(details));
		});
	}
});

/** Input → what is read, without the fixed parts of the head event. */
const TAKEN: readonly (readonly [string, string, readonly Event[]])[] = [
	[
		"a plain request, names in lower case, values trimmed",
		"GET /a?b=1 HTTP/1.1\r\nHost: x:80\r\nX-Mixed-Case: \t v w \t\r\nx-empty:\r\n\r\n",
		[
			["head", "GET", "/a?b=1", "x:80", "http", "HTTP/1.1", ["x-mixed-case: v w", "x-empty: "], 0, true],
			["end", undefined, undefined],
		],
	],
	[
		"an absolute target takes the place of Host",
		"GET http://reviews:9080/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
		[
			["head", "GET", "/x?y", "reviews:9080", "http", "HTTP/1.1", [], 0, true],
			["end", undefined, undefined],
		],
	],
	[
		"an absolute target without path",
		"GET http://reviews?y HTTP/1.1\r\nHost: other\r\n\r\n",
		[
			["head", "GET", "/?y", "reviews", "http", "HTTP/1.1", [], 0, true],
			["end", undefined, undefined],
		],
	],
	[
		"bodies by length, pipelined",
		`${post("Content-Length: 3\r\n", "abc")}${post("content-length: 2\r\nConnection: close\r\n", "de")}`,
		[
			["head", "POST", "/", "a", "http", "HTTP/1.1", ["content-length: 3"], 3, true],
			["body", "abc"],
			["end", undefined, undefined],
			["head", "POST", "/", "a", "http", "HTTP/1.1", ["content-length: 2", "connection: close"], 2, false],
			["body", "de"],
			["end", undefined, undefined],
		],
	],
	[
		"chunks with extensions and trailers",
		post("Transfer-Encoding: Chunked\r\n", "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n000\r\nX-T: 1\r\n\r\n"),
		[
			["head", "POST", "/", "a", "http", "HTTP/1.1", ["transfer-encoding: Chunked"], -1, true],
			["body", "abc0123456789"],
			["end", ["x-t"], ["1"]],
		],
	],
	[
		"empty lines before a request",
		`\r\n\r\n${get()}`,
		[
			["head", "GET", "/", "a", "http", "HTTP/1.1", [], 0, true],
			["end", undefined, undefined],
		],
	],
	[
		"CONNECT and the tunnel behind it",
		"CONNECT reviews:443 HTTP/1.1\r\nHost: reviews:443\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		[
			["head", "CONNECT", "", "reviews:443", "http", "HTTP/1.1", [], -3, true],
			["body", "GET / HTTP/1.1\r\n\r\n"],
		],
	],
	[
		"fields that Connection nominates are for this hop only",
		get("Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n"),
		[
			["head", "GET", "/", "a", "http", "HTTP/1.1", ["connection: keep-alive, X-Hop", "x-end: 2"], 0, true],
			["end", undefined, undefined],
		],
	],
];

describe("takes what is plain", () => {
	for (const [name, input, events] of TAKEN) test(name, () => assert.deepEqual(parse([input]), events));

	test("any method where it is allowed", () => {
		const events = parse(["BREW / HTTP/1.1\r\nHost: a\r\n\r\n"], { allowCustomMethods: true });
		assert.deepEqual(events[0]!.slice(0, 2), ["head", "BREW"]);
	});

	test("HTTP/1.0 where it is accepted", () => {
		const options = { acceptHttp10: true, defaultHostForHttp10: "fallback" };
		const fields = ["connection: Keep-Alive"];
		assert.deepEqual(parse(["GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"], options), [
			["head", "GET", "/", "fallback", "http", "HTTP/1.0", fields, 0, true],
			["end", undefined, undefined],
		]);
		assert.equal(parse(["GET / HTTP/1.0\r\nHost: a\r\n\r\n"], options)[0]![8], false);
		const chunked = parse(["POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"], options);
		assert.equal(chunked[0]![0], "error");
	});
});

test("splitting the input at any byte gives the same events", () => {
	for (const [, input] of [...TAKEN, ...REFUSED]) {
		if (input.length > 2000) continue;
		const whole = parse([input]);
		for (let at = 1; at < input.length; at++)
			assert.deepEqual(parse([input.slice(0, at), input.slice(at)]), whole, JSON.stringify([input, at]));
	}
});

test("any bytes in any pieces: the same events, and never more than one error", () => {
	const fragment = fc.constantFrom(
		...["GET / HTTP/1.1", "POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"],
		...["\r\n", "\r\n\r\n", "\n", "\r", " ", ":", "5", "0", "hello", "X: y", "\0", ";", "connection: close"],
	);
	fc.assert(
		fc.property(fc.array(fragment, { maxLength: 20 }), fc.array(fc.nat(12), { maxLength: 60 }), (parts, cuts) => {
			const input = parts.join("");
			const pieces: string[] = [];
			let at = 0;
			for (const length of cuts) {
				pieces.push(input.slice(at, at + length));
				at += length;
			}
			pieces.push(input.slice(at));
			const whole = parse([input]);
			assert.deepEqual(parse(pieces), whole);
			assert.ok(whole.filter(([kind]) => kind === "error").length <= 1);
		}),
		{ numRuns: 500 },
	);
});

test("a head that comes byte by byte costs time in proportion to its length", () => {
	const value = "a".repeat(50_000);
	const startMs = performance.now();
	assert.equal(parse([...get(`X: ${value}\r\n`)])[0]![0], "head");
	assert.ok(performance.now() - startMs < 2000);
});

test("a message on a connection reads as it would alone, whatever came before it", () => {
	const field = fc.constantFrom(
		"X-A: 1\r\n",
		"X-A: 2\r\n",
		"x-b:   two words \r\n",
		"Content-Length: 2\r\n",
		"Connection: keep-alive, x-b\r\n",
		"X-Forwarded-For: 10.0.0.1\r\n",
		"Broken line\r\n",
	);
	const message = fc
		.tuple(
			fc.constantFrom("/", "/other"),
			fc.subarray(["Host: a\r\n", "Host: b\r\n"]),
			fc.array(field, { maxLength: 3 }),
		)
		.map(([path, hosts, fields]) => {
			const head = [...hosts, ...fields].join("");
			return `GET ${path} HTTP/1.1\r\n${head}\r\n${head.includes("Content-Length") ? "ab" : ""}`;
		});
	const whole = (messages: readonly string[], at: number) => parse(messages.slice(0, at)).length;
	fc.assert(
		fc.property(
			fc.array(message, { minLength: 2, maxLength: 6 }),
			fc.array(fc.nat(3), { maxLength: 12 }),
			(kinds, order) => {
				// Few different messages that come again and again, until the first broken one.
				const messages = order.map((i) => kinds[i % kinds.length]!);
				const broken = messages.findIndex((text) => parse([text]).some(([kind]) => kind === "error"));
				const good = broken < 0 ? messages : messages.slice(0, broken + 1);
				assert.deepEqual(
					parse(good),
					good.flatMap((text) => parse([text])),
				);
				assert.equal(whole(good, good.length), parse([good.join("")]).length);
			},
		),
		{ numRuns: 300 },
	);
});
