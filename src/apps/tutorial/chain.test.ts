import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { text } from "../kit/answer.ts";
import type { AppRequest } from "../kit/request.ts";
import { customer } from "./customer.ts";
import { preference } from "./preference.ts";
import { recommendation } from "./recommendation.ts";

const unknown = (hostname: string) =>
	Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: "ENOTFOUND", hostname }));

test("the whole chain answers in one line with the pod's name and count", async () => {
	await using last = await serveHandler(recommendation({ HOSTNAME: "recommendation-v1-6cf5ff55d9-7zbj8" }));
	await using middle = await serveHandler(preference(`${last.url}/`));
	await using first = await serveHandler(customer(`${middle.url}/`));
	for (const n of [1, 2]) {
		const answer = await first.get("/");
		assert.equal(answer.status, 200);
		assert.match(answer.headers["content-type"]!, /^text\/plain/);
		assert.equal(
			answer.body,
			`customer => preference => recommendation v1 from 'recommendation-v1-6cf5ff55d9-7zbj8': ${n}\n`,
		);
	}
	const direct = await middle.get("/");
	assert.equal(direct.body, "preference => recommendation v1 from 'recommendation-v1-6cf5ff55d9-7zbj8': 3\n\n");
});

test("a name that does not exist is Java's UnknownHostException, and the next one's error is nested with its newline", async () => {
	await using alone = await serveHandler(customer(undefined, unknown));
	const answer = await alone.get("/");
	assert.equal(answer.status, 503);
	assert.equal(answer.body, "customer => UnknownHostException: preference\n");

	await using middle = await serveHandler(preference(undefined, unknown));
	await using first = await serveHandler(customer(`${middle.url}/`));
	const nested = await first.get("/");
	assert.equal(nested.status, 503);
	assert.equal(nested.body, "customer => Error: 503 - preference => UnknownHostException: recommendation\n\n");
});

test("a refused connection is told as such", async () => {
	await using first = await serveHandler(customer("http://127.0.0.1:1/"));
	const answer = await first.get("/");
	assert.equal(answer.status, 503);
	assert.equal(answer.body, "customer => ConnectException: Connection refused (Connection refused)\n");
});

test("customer builds its headers fresh; preference hands the baggage on; both continue the trace with a span of their own", async () => {
	const seen: AppRequest[] = [];
	await using last = await serveHandler((request) => {
		seen.push(request);
		return text("ok");
	});
	await using middle = await serveHandler(preference(`${last.url}/`));
	await using first = await serveHandler(customer(`${middle.url}/`));
	await first.get("/", {
		"user-agent": "Firefox/1",
		authorization: "Bearer t",
		"user-preference": "123",
		"x-request-id": "r-1",
		"x-b3-traceid": "80f198ee56343ba8",
		"x-b3-spanid": "e457b5a2e4d86bd1",
		"x-b3-sampled": "1",
		"x-other": "no",
		cookie: "a=1",
	});
	const { headers } = seen[0]!;
	assert.equal(headers["baggage-user-agent"], "Firefox/1");
	assert.equal(headers.authorization, "Bearer t");
	assert.equal(headers["user-preference"], "123");
	assert.equal(headers["x-request-id"], "r-1");
	assert.equal(headers["x-b3-traceid"], "80f198ee56343ba8");
	assert.notEqual(headers["x-b3-spanid"], "e457b5a2e4d86bd1");
	assert.match(String(headers["x-b3-parentspanid"]), /^[0-9a-f]{16}$/);
	assert.equal(headers["x-other"], undefined);
	assert.equal(headers.cookie, undefined);
	assert.doesNotMatch(String(headers["user-agent"]), /Firefox/);

	await middle.get("/");
	const fresh = seen[1]!.headers;
	assert.equal(fresh["x-b3-traceid"], fresh["x-b3-spanid"]);
	assert.equal(fresh["baggage-user-agent"], undefined);
});

test("health, metrics, unknown path and wrong method", async () => {
	await using first = await serveHandler(customer());
	for (const path of ["/health", "/health/live", "/health/ready"]) {
		const answer = await first.get(path);
		assert.equal(answer.body, '{"status":"UP","checks":[]}');
		assert.equal(answer.status, 200);
	}
	assert.match((await first.get("/metrics")).body, /application_requests_total\{service="customer"\} 0/);
	assert.equal((await first.get("/x")).status, 404);
	assert.equal((await first.send("POST", "/")).status, 405);
});
