import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { details } from "./details.ts";

test("answers the book's details word for word", async () => {
	await using server = await serveHandler(details());
	const answer = await server.get("/details/0");
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], "application/json");
	assert.equal(
		answer.body,
		'{"id":0,"author":"William Shakespeare","year":1595,"type":"paperback","pages":200,"publisher":"PublisherA","language":"English","ISBN-10":"1234567890","ISBN-13":"123-1234567890"}',
	);
});

test("refuses an id that is not a number, is healthy, knows no other path", async () => {
	await using server = await serveHandler(details());
	const bad = await server.get("/details/x1");
	assert.equal(bad.status, 400);
	assert.equal(bad.body, '{"error":"please provide numeric product id"}');
	assert.equal((await server.get("/health")).body, '{"status":"Details is healthy"}');
	assert.equal((await server.get("/other")).status, 404);
});

test("v2 takes the details from the book service and hands the caller's headers on", async () => {
	const volumeInfo = {
		authors: ["A. Uthor"],
		publishedDate: "1999",
		printType: "BOOK",
		pageCount: 64,
		publisher: "Dover",
		language: "en",
		industryIdentifiers: [
			{ type: "ISBN_10", identifier: "0486424618" },
			{ type: "ISBN_13", identifier: "9780486424613" },
		],
	};
	let asked: unknown;
	await using server = await serveHandler(
		details(async (headers) => {
			asked = headers;
			return { items: [{ volumeInfo }] };
		}),
	);
	const answer = await server.get("/details/3", { "end-user": "jason", "x-request-id": "r1", "x-other": "no" });
	assert.deepEqual(JSON.parse(answer.body), {
		id: 3,
		author: "A. Uthor",
		year: "1999",
		type: "paperback",
		pages: 64,
		publisher: "Dover",
		language: "English",
		"ISBN-10": "0486424618",
		"ISBN-13": "9780486424613",
	});
	assert.deepEqual(asked, { "end-user": "jason", "x-request-id": "r1" });
});
