import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { staffService } from "./staff-service.ts";

test("the risky version shows each driver's photo, the safe one a placeholder", async () => {
	await using risky = await serveHandler(staffService({ STAFF_PHOTOS: "real" }));
	const pam = await risky.get("/driver/City%20Truck");
	assert.equal(pam.headers["content-type"], "application/json");
	assert.equal(pam.body, '{"name":"Pam Parry","photo":"https://rac-istio-course-images.s3.amazonaws.com/1.jpg"}');
	assert.match((await risky.get("/driver/Village%20Truck")).body, /"June Snell".*\/5\.jpg"/);
	await using safe = await serveHandler(staffService({ STAFF_PHOTOS: "placeholder" }));
	assert.equal(
		(await safe.get("/driver/City%20Truck")).body,
		'{"name":"Pam Parry","photo":"https://rac-istio-course-images.s3.amazonaws.com/placeholder.png"}',
	);
});

test("an unknown vehicle has no driver; a speed is taken; other paths get Spring's error", async () => {
	await using server = await serveHandler(staffService({}));
	assert.equal((await server.get("/driver/Nobody")).body, '{"name":null,"photo":null}');
	const posted = await server.send("POST", "/driver/City%20Truck/42.5");
	assert.deepEqual([posted.status, posted.body], [200, ""]);
	assert.equal((await server.send("POST", "/driver/City%20Truck/fast")).status, 400);
	const missing = await server.get("/nowhere");
	assert.equal(missing.status, 404);
	assert.deepEqual(Object.keys(JSON.parse(missing.body)), ["timestamp", "status", "error", "message", "path"]);
});
