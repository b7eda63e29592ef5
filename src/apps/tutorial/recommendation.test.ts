import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { json } from "../kit/answer.ts";
import { recommendation } from "./recommendation.ts";

const HOSTNAME = "recommendation-v2-abc-1";

test("counts while it misbehaves, stays healthy, and behaves again", async () => {
	await using server = await serveHandler(recommendation({ HOSTNAME, RECOMMENDATION_VERSION: "v2" }));
	assert.equal((await server.get("/")).body, `recommendation v2 from '${HOSTNAME}': 1\n`);
	assert.equal((await server.get("/misbehave")).body, "Following requests to / will return a 503\n");
	const bad = await server.get("/");
	assert.equal(bad.status, 503);
	assert.equal(bad.body, `recommendation misbehavior from '${HOSTNAME}'\n`);
	assert.equal((await server.get("/health/ready")).status, 200);
	assert.equal((await server.get("/health/live")).status, 200);
	assert.equal((await server.get("/behave")).body, "Following requests to / will return 200\n");
	assert.equal((await server.get("/")).body, `recommendation v2 from '${HOSTNAME}': 3\n`);
});

test("the slow image waits before it answers", async () => {
	await using server = await serveHandler(recommendation({ HOSTNAME, RECOMMENDATION_DELAY_MS: "80" }));
	const start = performance.now();
	await server.get("/");
	assert.ok(performance.now() - start >= 75);
});

test("v3 tells the clock service's time, and fails without it", async () => {
	await using clock = await serveHandler(() => json({ currentDateTime: "2026-11-20T14:00+01:00" }));
	await using server = await serveHandler(
		recommendation({ HOSTNAME, RECOMMENDATION_VERSION: "v3" }, `${clock.url}/now`),
	);
	assert.equal((await server.get("/")).body, `recommendation v3 2026-11-20T14:00+01:00 from '${HOSTNAME}': 1\n`);
	await using alone = await serveHandler(recommendation({ RECOMMENDATION_VERSION: "v3" }, "http://127.0.0.1:1/"));
	assert.equal((await alone.get("/")).status, 500);
});
