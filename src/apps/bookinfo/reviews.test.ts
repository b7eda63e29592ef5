import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { json } from "../kit/answer.ts";
import type { Handler } from "../kit/router.ts";
import { ratings } from "./ratings.ts";
import { reviews } from "./reviews.ts";

const HOSTNAME = "reviews-v1-abc-x";

function towards(port: number, more: Record<string, string>) {
	return {
		HOSTNAME,
		RATINGS_HOSTNAME: "127.0.0.1",
		RATINGS_SERVICE_PORT: String(port),
		ENABLE_RATINGS: "true",
		...more,
	};
}

test("v1 answers two reviews without stars, blanks and all, and asks nobody", async () => {
	await using server = await serveHandler(reviews({ HOSTNAME, RATINGS_SERVICE_PORT: "1" }));
	const answer = await server.get("/reviews/0");
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], "application/json");
	assert.equal(
		answer.body,
		'{"id": "0","podname": "reviews-v1-abc-x","clustername": "null","reviews": [{  "reviewer": "Reviewer1",  "text": "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!"},{  "reviewer": "Reviewer2",  "text": "Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays by Shakespeare."}]}',
	);
});

test("v2 adds black stars and v3 red ones, from ratings", async () => {
	await using upstream = await serveHandler(ratings("v1"));
	for (const [env, color] of [
		[{}, "black"],
		[{ STAR_COLOR: "red" }, "red"],
	] as const) {
		await using server = await serveHandler(reviews(towards(upstream.port, env)));
		const { body } = await server.get("/reviews/0");
		assert.ok(body.includes(`refreshing!", "rating": {"stars": 5, "color": "${color}"}}`), body);
		assert.deepEqual(JSON.parse(body).reviews[1].rating, { stars: 4, color });
	}
});

test("ratings that fail, lie or are not there leave the answer at 200", async () => {
	const broken: Handler[] = [() => json({ error: "Service unavailable" }, 503), () => json("no ratings")];
	const rating = { error: "Ratings service is currently unavailable" };
	for (const handler of broken) {
		await using upstream = await serveHandler(handler);
		await using server = await serveHandler(reviews(towards(upstream.port, {})));
		const answer = await server.get("/reviews/0");
		assert.equal(answer.status, 200);
		assert.deepEqual(JSON.parse(answer.body).reviews[0].rating, rating);
	}
	await using server = await serveHandler(reviews(towards(1, {})));
	assert.deepEqual(JSON.parse((await server.get("/reviews/0")).body).reviews[1].rating, rating);
});

test("hands tracing, session and end-user headers on, and nothing else", async () => {
	let seen: Record<string, unknown> = {};
	await using upstream = await serveHandler((request) => {
		seen = request.headers;
		return json({ ratings: { Reviewer1: 1, Reviewer2: 1 } });
	});
	await using server = await serveHandler(reviews(towards(upstream.port, {})));
	const forwarded = {
		"x-b3-traceid": "1",
		traceparent: "2",
		cookie: "session=3",
		"end-user": "jason",
		"user-agent": "curl",
	};
	await server.get("/reviews/0", { ...forwarded, "x-secret": "4" });
	for (const [name, value] of Object.entries(forwarded)) assert.equal(seen[name], value);
	assert.equal(seen["x-secret"], undefined);
});

test("is healthy; an id that is no number is no resource", async () => {
	await using server = await serveHandler(reviews({ CLUSTER_NAME: "one" }));
	assert.equal((await server.get("/health")).body, '{"status": "Reviews is healthy"}');
	assert.equal((await server.get("/reviews/abc")).status, 404);
	assert.equal(JSON.parse((await server.get("/reviews/5")).body).clustername, "one");
});
