import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { FilterStream, HttpFilter, HttpFilterConfig } from "../filter/http-filter.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { HeaderMap } from "../http/header-map.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { eventually, listen, type ProxyFixture, RawClient, send, startProxy } from "./proxy-fixture.ts";

const ROUTES: readonly JsonObject[] = [
	{ match: { path: "/direct" }, direct_response: { status: 200, body: { inline_string: "said by the proxy" } } },
	{ match: { prefix: "/" }, route: { cluster: "up" } },
];
const echo: RequestListener = (req, res) => void req.pipe(res);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("filters and bodies", () => {
	let proxy: ProxyFixture | undefined;
	let upstream: Server | undefined;
	afterEach(async () => {
		await proxy?.close();
		upstream?.closeAllConnections();
		upstream?.close();
	});

	async function start(
		filters: readonly (HttpFilter | HttpFilterConfig)[],
		listener: RequestListener = echo,
		bufferLimitBytes?: number,
	) {
		upstream = createServer(listener);
		const clusters = [new FakeCluster("up", [await listen(upstream)], { http1Trailers: true })];
		const configs = filters.map((filter, i) => ("create" in filter ? filter : { name: `f${i}`, create: () => filter }));
		const config = { filters: configs };
		proxy = await startProxy({
			routes: ROUTES,
			clusters,
			config: { ...config, http1: { ...HCM_DEFAULTS.http1, enableTrailers: true } },
			...(bufferLimitBytes !== undefined && { bufferLimitBytes }),
		});
		return proxy;
	}

	test("pieces may be changed; without content-length the framing is chunked", async () => {
		const louder: HttpFilter = {
			encodeHeaders: (_stream, { headers }) => {
				headers.remove("content-length");
				return "continue";
			},
			encodeData: (_stream, data) => Buffer.from(`${text(data).toUpperCase()}!`),
			encodeEnd: (_stream, trailers) => ({ append: Buffer.from("(end)"), trailers }),
		};
		const { url } = await start([louder], (_req, res) => res.end("hello"));
		const answer = await send(url);
		assert.equal(answer.body, "HELLO!(end)");
		assert.equal(answer.headers["transfer-encoding"], "chunked");
		assert.equal((await send(`${url}/direct`)).body, "SAID BY THE PROXY!(end)");
	});

	test("a held request goes on whole, with the length that the filter gives it", async () => {
		const whole: HttpFilter = {
			decodeHeaders: (_stream, endStream) => (endStream ? "continue" : "hold"),
			decodeData: () => "hold",
			decodeEnd: (stream) => {
				stream.request.headers.set("content-length", String(stream.heldRequest(whole).length));
				return "continue";
			},
		};
		const { port } = await start([whole], (req, res) =>
			res.end(`${req.headers["content-length"]} ${req.headers["transfer-encoding"]}`),
		);
		const client = new RawClient(port).send(
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		);
		client.send("2\r\nde\r\n0\r\n\r\n");
		await client.until((so) => so.endsWith("5 undefined"));
		client.destroy();
	});

	test("a filter that does not want a stream takes no part in it; it is asked when the head comes to its place", async () => {
		const seen: string[] = [];
		const marking: HttpFilter = {
			decodeHeaders: ({ request }) => {
				if (request.path === "/marked") request.headers.set("x-mark", "1");
				return "pass";
			},
		};
		const wanting: HttpFilter = {
			decodeHeaders: ({ request }) => {
				seen.push(`decode ${request.path}`);
				return "continue";
			},
			decodeData: (_stream, data) => Buffer.from(text(data).toUpperCase()),
			encodeHeaders: ({ request }) => {
				seen.push(`encode ${request.path}`);
				return "pass";
			},
			onStreamEnd: ({ request }) => void seen.push(`end ${request.path}`),
		};
		const wants = ({ request }: FilterStream) => request.headers.has("x-mark");
		const second = { name: "wanting", wants, create: () => wanting };
		const { url } = await start([marking, second]);
		assert.equal((await send(`${url}/plain`, { method: "POST", body: "a" })).body, "a");
		assert.equal((await send(`${url}/marked`, { method: "POST", body: "a" })).body, "A");
		assert.deepEqual(seen, ["decode /marked", "encode /marked", "end /marked"]);
		await proxy!.close();
		upstream?.close();
		const alone = await start([second]);
		assert.equal((await send(`${alone.url}/plain`, { method: "POST", body: "a" })).body, "a");
		assert.equal(seen.length, 3);
	});

	test("more than the buffer holds: 413 for a request, 500 for a response", async () => {
		const holdsRequest: HttpFilter = {
			decodeHeaders: (stream) => {
				stream.limitRequestBuffer(10);
				return "hold";
			},
			decodeData: () => "hold",
		};
		const started = await start([holdsRequest]);
		const answer = await send(started.url, { method: "POST", body: "x".repeat(11) });
		assert.deepEqual([answer.status, answer.body], [413, "Payload Too Large"]);
		assert.equal(started.ended[0]?.details, "request_payload_too_large");
		await started.close();
		upstream?.close();
		const holdsResponse: HttpFilter = { encodeHeaders: () => "hold", encodeData: () => "hold" };
		const again = await start([holdsResponse], (_req, res) => res.end("y".repeat(2000)), 1000);
		const error = await send(again.url);
		assert.deepEqual([error.status, error.body], [500, "Internal Server Error"]);
		assert.equal(again.ended[0]?.details, "response_payload_too_large");
		assert.equal(again.stat("rs_too_large"), 1);
	});

	test("taken bytes come back when the filter wants, the end waits for them", async () => {
		let stream: FilterStream | undefined;
		const taken: string[] = [];
		const slow: HttpFilter = {
			encodeHeaders: (_stream, { headers }) => {
				headers.remove("content-length");
				return "continue";
			},
			encodeData: (_stream, data) => {
				taken.push(text(data));
				return "taken";
			},
			encodeEnd: (ended) => {
				stream = ended;
				return "hold";
			},
		};
		const { url } = await start([slow], (_req, res) => res.end("abc"));
		const answer = send(url);
		await eventually(() => stream !== undefined);
		assert.deepEqual(taken, ["abc"]);
		stream!.injectResponse(slow, Buffer.from("one,"));
		stream!.injectResponse(slow, Buffer.from("two"));
		stream!.continueEncoding(slow);
		assert.equal((await answer).body, "one,two");
	});

	test("trailers can be seen, changed and made, both ways", async () => {
		const seen: string[] = [];
		const marks: HttpFilter = {
			decodeEnd: (_stream, trailers) => {
				seen.push(trailers?.get("x-asked") ?? "none");
				return { trailers: HeaderMap.of(["x-made", "request"]) };
			},
			encodeEnd: (_stream, trailers) => {
				seen.push(trailers?.get("x-told") ?? "none");
				trailers?.set("x-added", "1");
				return "continue";
			},
		};
		const { port } = await start([marks], (req, res) => {
			req.resume();
			req.on("end", () => {
				res.writeHead(200, { trailer: "x-told" });
				res.write("body");
				res.addTrailers({ "x-told": String(req.trailers["x-made"]) });
				res.end();
			});
		});
		const client = new RawClient(port);
		client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-asked: yes\r\n\r\n");
		const answer = await client.until((so) => so.includes("x-added: 1\r\n\r\n"));
		assert.match(answer, /x-told: request\r\n/);
		assert.deepEqual(seen, ["yes", "request"]);
		client.destroy();
	});

	test("a stopped response waits with its body, a later local reply takes its place", async () => {
		let stream: FilterStream | undefined;
		const order: string[] = [];
		const stopping: HttpFilter = {
			encodeHeaders: (held) => {
				stream = held;
				return "stop";
			},
			encodeData: (_stream, data) => {
				order.push(text(data));
				return "continue";
			},
		};
		const { url } = await start([stopping], (_req, res) => res.end("later"));
		const answer = send(url);
		await eventually(() => stream !== undefined);
		assert.deepEqual(order, []);
		stream!.continueEncoding(stopping);
		assert.equal((await answer).body, "later");
		assert.deepEqual(order, ["later"]);
		stream = undefined;
		const second = send(url);
		await eventually(() => stream !== undefined);
		stream!.sendLocalReply({ status: 418, body: "instead", details: "test" });
		assert.deepEqual([(await second).status, (await second).body], [418, "instead"]);
	});

	test("a filter that passes sees no body", async () => {
		let pieces = 0;
		const passing: HttpFilter = {
			encodeHeaders: () => "pass",
			encodeData: () => {
				pieces++;
				return "continue";
			},
		};
		const { url } = await start([passing], (_req, res) => res.end("abc"));
		assert.equal((await send(url)).body, "abc");
		assert.equal(pieces, 0);
	});

	test("bytes keep their order through filters that hold, take and change", async () => {
		const holdsFirst: HttpFilter = {
			decodeHeaders: () => "hold",
			decodeData: (stream) => (stream.heldRequest(holdsFirst).length < 4 ? "hold" : "continue"),
		};
		const brackets: HttpFilter = {
			decodeHeaders: (stream) => {
				stream.request.headers.remove("content-length");
				return "continue";
			},
			decodeData: (_stream, data) => Buffer.from(`[${text(data)}]`),
		};
		const { port } = await start([holdsFirst, brackets], (req, res) => {
			let body = "";
			req.on("data", (chunk) => {
				body += chunk;
			});
			req.on("end", () => res.end(body));
		});
		const client = new RawClient(port);
		client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (const piece of ["ab", "cd", "ef", "gh"]) client.send(`2\r\n${piece}\r\n`);
		client.send("0\r\n\r\n");
		await client.until((so) => so.endsWith("[abcd][ef][gh]"));
		client.destroy();
	});

	test("an endpoint that a filter asks for, if there is one", async () => {
		let wanted = "";
		let strict = false;
		const sticky: HttpFilter = {
			decodeHeaders: (stream) => {
				stream.overrideHost(wanted, strict);
				return "continue";
			},
		};
		const started = await start([sticky]);
		wanted = `127.0.0.1:${(upstream!.address() as { port: number }).port}`;
		assert.equal((await send(started.url)).status, 200);
		wanted = "127.0.0.1:1";
		assert.equal((await send(started.url)).status, 200);
		strict = true;
		assert.equal((await send(started.url)).status, 503);
		assert.equal(started.ended[2]?.flags, "UH");
	});
});
