import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { misbehaviourOf, ratings } from "./ratings.ts";

test("answers the stars of both reviewers as JSON", async () => {
	await using server = await serveHandler(ratings("v1"));
	const answer = await server.get("/ratings/0");
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], "application/json");
	assert.equal(answer.body, '{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}');
});

test("refuses an id that is not a number", async () => {
	await using server = await serveHandler(ratings("v1"));
	const answer = await server.get("/ratings/abc");
	assert.equal(answer.status, 400);
	assert.equal(answer.body, '{"error":"please provide numeric product ID"}');
});

test("keeps posted ratings in memory, by product", async () => {
	await using server = await serveHandler(ratings("v1"));
	const posted = await server.send("POST", "/ratings/7", '{"Reviewer1":1}');
	assert.equal(posted.body, '{"id":7,"ratings":{"Reviewer1":1}}');
	assert.equal((await server.get("/ratings/7")).body, '{"id":7,"ratings":{"Reviewer1":1}}');
	assert.equal((await server.get("/ratings/0")).body, '{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}');
});

test("refuses ratings that are not JSON", async () => {
	await using server = await serveHandler(ratings("v1"));
	const answer = await server.send("POST", "/ratings/0", "{nope");
	assert.equal(answer.status, 400);
	assert.equal(answer.body, '{"error":"please provide valid ratings JSON"}');
});

test("is healthy, knows no other path and no other method", async () => {
	await using server = await serveHandler(ratings("v1"));
	assert.equal((await server.get("/health")).body, '{"status":"Ratings is healthy"}');
	assert.equal((await server.get("/nothing")).status, 404);
	assert.equal((await server.send("DELETE", "/ratings/0")).status, 405);
});

test("a version that is unavailable answers 503, an unhealthy one 500 on /health", async () => {
	const bad = { isUnavailable: () => true, isHealthy: () => false, delayMs: () => 0 };
	await using server = await serveHandler(ratings("v-unhealthy", bad));
	const answer = await server.get("/ratings/0");
	assert.equal(answer.status, 503);
	assert.equal(answer.body, '{"error":"Service unavailable"}');
	const health = await server.get("/health");
	assert.equal(health.status, 500);
	assert.equal(health.body, '{"status":"Ratings is not healthy"}');
});

test("v-faulty fails and v-delayed delays below one half of the draws", () => {
	const draws = (...values: number[]) => ({ unit: () => values.shift()!, below: () => 0 });
	const faulty = misbehaviourOf("v-faulty", draws(0.49, 0.5));
	assert.deepEqual([faulty.isUnavailable(), faulty.isUnavailable()], [true, false]);
	const delayed = misbehaviourOf("v-delayed", draws(0.1, 0.9));
	assert.deepEqual([delayed.delayMs(), delayed.delayMs()], [7000, 0]);
});

test("the database version says that it is not there", () => {
	assert.throws(() => ratings("v2"), /no database client/);
});
