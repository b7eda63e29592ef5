import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler } from "../../../test/support/serve-handler.ts";
import { httpbin } from "./httpbin.ts";

const app = httpbin({ HOSTNAME: "httpbin-pod" });

test("/get tells args, headers, method, origin and url, arrays and two blanks as in Go", async () => {
	await using server = await serveHandler(app);
	const { body, headers } = await server.get("/get?b=2&a=1&a=3", { "x-one": "1", connection: "close" });
	assert.equal(headers["content-type"], "application/json; charset=utf-8");
	assert.equal(headers["access-control-allow-origin"], "*");
	assert.equal(
		body,
		`{
  "args": {
    "a": [
      "1",
      "3"
    ],
    "b": [
      "2"
    ]
  },
  "headers": {
    "Connection": [
      "close"
    ],
    "Host": [
      "127.0.0.1:${server.port}"
    ],
    "X-One": [
      "1"
    ]
  },
  "method": "GET",
  "origin": "127.0.0.1",
  "url": "http://127.0.0.1:${server.port}/get?b=2&a=1&a=3"
}
`,
	);
});

test("bodies are taken apart by their type", async () => {
	await using server = await serveHandler(app);
	const post = async (type: string, body: string) =>
		JSON.parse((await server.send("POST", "/post", body, { "content-type": type })).body);
	assert.deepEqual((await post("application/json", '{"a":[1]}')).json, { a: [1] });
	assert.deepEqual((await post("application/x-www-form-urlencoded", "a=1&a=2")).form, { a: ["1", "2"] });
	const boundary = '--b\r\ncontent-disposition: form-data; name="f"; filename="n"\r\n\r\nhi\r\n--b--\r\n';
	assert.deepEqual((await post("multipart/form-data; boundary=b", boundary)).files, { f: ["hi"] });
	assert.equal((await post("text/plain", "hello")).data, "hello");
	assert.equal((await server.send("POST", "/post", "{", { "content-type": "application/json" })).status, 400);
	assert.equal((await server.get("/post")).status, 405);
	assert.equal(JSON.parse((await server.send("PURGE", "/anything/x/y?z", "")).body).method, "PURGE");
});

test("statuses: one, a list by weight, special ones", async () => {
	await using server = await serveHandler(app);
	assert.equal((await server.get("/status/503")).status, 503);
	assert.equal((await server.get("/status/200:0,429:1")).status, 429);
	assert.equal((await server.get("/status/301")).headers.location, "/redirect/1");
	assert.equal((await server.get("/status/401")).headers["www-authenticate"], 'Basic realm="Fake Realm"');
	assert.match((await server.get("/status/418")).body, /teapot/);
	assert.equal((await server.get("/status/99x")).status, 400);
	assert.equal((await server.get("/unstable?failure_rate=1")).status, 500);
	assert.equal((await server.get("/unstable?failure_rate=0")).status, 200);
	assert.equal((await server.get("/unstable?failure_rate=2")).status, 400);
});

test("redirects, cookies and response headers", async () => {
	await using server = await serveHandler(app);
	assert.equal((await server.get("/redirect/2")).headers.location, "/relative-redirect/1");
	assert.equal((await server.get("/redirect/1")).headers.location, "/get");
	assert.equal((await server.get("/absolute-redirect/1")).headers.location, `${server.url}/get`);
	assert.deepEqual(JSON.parse((await server.get("/cookies", { cookie: "b=2; a=1" })).body), { a: "1", b: "2" });
	assert.deepEqual((await server.get("/cookies/set?k=v")).headers["set-cookie"], ["k=v; HttpOnly"]);
	const echoed = await server.get("/response-headers?X-A=1&X-A=2");
	assert.equal(echoed.headers["x-a"], "1, 2");
	assert.deepEqual(JSON.parse(echoed.body)["X-A"], ["1", "2"]);
	assert.equal((await server.get("/response-headers?Content-Type=text/html")).headers["content-type"], "text/plain");
});

test("authentication", async () => {
	await using server = await serveHandler(app);
	const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
	assert.deepEqual(JSON.parse((await server.get("/basic-auth/u/p", { authorization: basic })).body), {
		authorized: true,
		user: "u",
	});
	assert.equal((await server.get("/basic-auth/u/other", { authorization: basic })).status, 401);
	assert.equal((await server.get("/bearer")).status, 401);
	assert.equal(JSON.parse((await server.get("/bearer", { authorization: "Bearer t" })).body).token, "t");
});

test("timed answers and streams", async () => {
	await using server = await serveHandler(app);
	const start = performance.now();
	assert.equal(JSON.parse((await server.get("/delay/0.05")).body).method, "GET");
	assert.ok(performance.now() - start >= 45);
	assert.equal((await server.get("/delay/11")).status, 400);
	const lines = (await server.get("/stream/3")).body.trim().split("\n");
	assert.deepEqual(
		lines.map((line) => JSON.parse(line).id),
		[0, 1, 2],
	);
	assert.equal((await server.get("/drip?duration=0.02&numbytes=4&delay=0")).body, "****");
	assert.match((await server.get("/sse?count=2&duration=10ms")).body, /^event: ping\ndata: \{"id":0.*\n\nevent: ping/);
	assert.equal((await server.get("/drip?duration=20s")).status, 400);
});

test("the rest: bytes, gzip, uuid, hostname, documents, index", async () => {
	await using server = await serveHandler(app);
	assert.equal((await server.get("/bytes/64")).headers["content-length"], "64");
	const zipped = await fetch(`${server.url}/gzip`);
	assert.equal(zipped.headers.get("content-encoding"), "gzip");
	assert.equal(((await zipped.json()) as { gzipped: boolean }).gzipped, true);
	assert.match(JSON.parse((await server.get("/uuid")).body).uuid, /^[0-9a-f-]{36}$/);
	assert.equal(JSON.parse((await server.get("/hostname")).body).hostname, "httpbin-pod");
	assert.match((await server.get("/html")).body, /<h1>/);
	assert.match((await server.get("/xml")).body, /<slideshow/);
	assert.ok(JSON.parse((await server.get("/json")).body).slideshow);
	assert.match((await server.get("/")).body, /\/anything/);
	assert.equal(
		(await server.get("/ip", { "x-forwarded-for": "9.9.9.9, 1.1.1.1" })).body,
		'{\n  "origin": "9.9.9.9"\n}\n',
	);
	assert.equal((await server.get("/nothing")).status, 404);
});
