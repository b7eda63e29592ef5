import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderMap } from "../http/header-map.ts";
import { formatLastChunk, formatRequestHead, formatResponseHead } from "./serialise.ts";

test("a request head in origin form, Host first", () => {
	const headers = HeaderMap.of(["accept", "*/*"], ["x-a", "1"]);
	const head = {
		method: "GET",
		path: "/x?y",
		authority: "a:1",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers,
	} as const;
	assert.equal(
		formatRequestHead(head, "connection: close\r\n"),
		"GET /x?y HTTP/1.1\r\nhost: a:1\r\naccept: */*\r\nx-a: 1\r\nconnection: close\r\n\r\n",
	);
});

test("a value that configuration brought in beyond one byte goes out as UTF-8 and never as a line end", () => {
	// Cut to their low bytes, U+010D U+010A would be CR LF.
	const text = formatResponseHead(
		{ status: 200, headers: HeaderMap.of(["x", "\u010d\u010aevil: 1"], ["y", "\u00e9"]) },
		"",
	);
	assert.ok(!/[\u0100-\uffff]/.test(text));
	assert.ok(!/\r\nevil/.test(Buffer.from(text, "latin1").toString("latin1")));
	assert.match(Buffer.from(text, "latin1").toString("utf8"), /x: \u010d\u010aevil: 1\r\n/);
});

test("bytes that came over the wire go out as they came", () => {
	const text = formatResponseHead({ status: 299, headers: HeaderMap.of(["x", "\xc3\xa9"]) }, "");
	assert.equal(text, "HTTP/1.1 299 Unknown\r\nx: \xc3\xa9\r\n\r\n");
});

test("the last chunk with and without trailers", () => {
	assert.equal(formatLastChunk(undefined), "0\r\n\r\n");
	assert.equal(formatLastChunk(HeaderMap.of(["t", "1"])), "0\r\nt: 1\r\n\r\n");
});
