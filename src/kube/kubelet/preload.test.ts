import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decode, encode } from "dns-packet";

const run = promisify(execFile);
const PRELOAD = fileURLToPath(new URL("preload.mjs", import.meta.url));
const APP = "127.249.65.9";
const SIDECAR = "127.249.1.9";

/** A DNS server that knows one Service. */
async function withDns(use: (address: string, asked: string[]) => Promise<void>) {
	const asked: string[] = [];
	const socket = createSocket("udp4");
	socket.on("message", (query, peer) => {
		const { id, questions = [] } = decode(query);
		const name = questions[0]?.name ?? "";
		asked.push(name);
		const known = name === "web.shop.svc.cluster.local";
		const answers = known ? [{ type: "A" as const, name, ttl: 1, data: APP }] : [];
		socket.send(encode({ type: "response", id, flags: known ? 0 : 3, questions, answers }), peer.port, peer.address);
	});
	socket.bind(0, "127.0.0.1");
	await once(socket, "listening");
	try {
		await use(`127.0.0.1:${socket.address().port}`, asked);
	} finally {
		socket.close();
	}
}

/** Runs a script in the world of a pod; returns its output. */
async function inPod(script: string, dns = "127.0.0.1:1", more: NodeJS.ProcessEnv = {}): Promise<string> {
	const env = {
		...more,
		PATH: process.env.PATH,
		LATEEN_APP_IP: APP,
		LATEEN_LOCALHOST: APP,
		LATEEN_DNS: dns,
		LATEEN_NAMESPACE: "shop",
	};
	const args = ["--import", PRELOAD, "--input-type=module", "-e", script];
	return (await run(process.execPath, args, { env, timeout: 10_000 })).stdout;
}

test("listeners for everyone and for localhost are the pod's own; other addresses stay", async () => {
	const script = `
		import http from "node:http"; import net from "node:net"; import dgram from "node:dgram"; import { once } from "node:events";
		const forms = [[0], [0, "0.0.0.0"], [{ port: 0 }], [{ port: 0, host: "::" }], [0, "localhost"], [0, 511], [], [0, "127.249.65.10"]];
		for (const args of forms) {
			const server = net.createServer().listen(...args);
			await once(server, "listening");
			console.log(server.address().address);
			server.close();
		}
		const server = http.createServer((q, a) => a.end("hi")).listen(0, () => console.log("called back"));
		await once(server, "listening");
		for (const host of ["localhost", "127.0.0.1"]) console.log(await (await fetch("http://" + host + ":" + server.address().port)).text());
		server.close(); server.closeAllConnections();
		const udp = dgram.createSocket("udp4"); udp.bind(0);
		await once(udp, "listening");
		console.log(udp.address().address); udp.close();
	`;
	const lines = (await inPod(script)).trim().split("\n");
	assert.deepEqual(lines, [...Array(7).fill(APP), "127.249.65.10", "called back", "hi", "hi", APP]);
});

test("fetch sends plain requests through the pod's proxy, in absolute form and without a tunnel", async () => {
	const asked: unknown[] = [];
	const proxy = createServer((request, response) => {
		asked.push([request.method, request.url, request.headers.host, request.headers["proxy-authorization"]]);
		response.end("routed");
	}).on("connect", (request, socket) => {
		asked.push(["CONNECT", request.url]);
		socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
	});
	proxy.listen(0, SIDECAR);
	await once(proxy, "listening");
	const { port } = proxy.address() as AddressInfo;
	const script = `
		const said = [await fetch("http://web:8080/a?b=1"), await fetch("http://web/x", { method: "POST", body: "1" })];
		for (const answer of said) console.log(await answer.text());
	`;
	try {
		const url = `http://shop:pod@${SIDECAR}:${port}`;
		const env = { http_proxy: url, HTTP_PROXY: url, NO_PROXY: "localhost", NODE_USE_ENV_PROXY: "1" };
		assert.equal(await inPod(script, undefined, env), "routed\nrouted\n");
	} finally {
		proxy.close();
		proxy.closeAllConnections();
	}
	const credentials = `Basic ${Buffer.from("shop:pod").toString("base64")}`;
	assert.deepEqual(asked, [
		["GET", "http://web:8080/a?b=1", "web:8080", credentials],
		["POST", "http://web/x", "web", credentials],
	]);
});

test("names are resolved by the cluster's DNS with the pod's search list; unknown ones are ENOTFOUND", () =>
	withDns(async (dns, asked) => {
		const script = `
			import { lookup } from "node:dns"; import { lookup as later } from "node:dns/promises";
			const look = (name, options) => new Promise((done) => lookup(name, options, (error, ...rest) => done(error ? error.code : rest)));
			console.log(JSON.stringify([
				await look("web", {}), await look("web", { all: true }), await look("web.shop", 4), await look("localhost", {}),
				await look("nobody", {}), await look("web", { family: 6 }), await look("127.0.0.5", {}),
				await later("web"), await later("nobody").catch((error) => error.message),
			]));
		`;
		assert.deepEqual(JSON.parse(await inPod(script, dns)), [
			[APP, 4],
			[[{ address: APP, family: 4 }]],
			[APP, 4],
			[APP, 4],
			"ENOTFOUND",
			"ENOTFOUND",
			["127.0.0.5", 4],
			{ address: APP, family: 4 },
			"getaddrinfo ENOTFOUND nobody",
		]);
		assert.deepEqual(asked.slice(0, 1), ["web.shop.svc.cluster.local"]);
		assert.ok(asked.includes("nobody.cluster.local") && asked.includes("nobody"));
	}));
