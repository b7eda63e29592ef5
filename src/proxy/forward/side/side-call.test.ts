import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { systemClock } from "../../../lib/clock.ts";
import { Deadlines } from "../../http/deadlines.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { SideOutcome, SideRequest } from "../../http/side-calls.ts";
import { FakeCluster } from "../fake-cluster.ts";
import { createSideCalls } from "./side-call.ts";

describe("side calls", () => {
	const closers: (() => void)[] = [];
	const deadlines = new Deadlines(systemClock);
	after(() => {
		for (const close of closers) close();
		deadlines.close();
	});

	async function upstream(listener: RequestListener): Promise<number> {
		const server = createServer(listener);
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		closers.push(() => {
			server.closeAllConnections();
			server.close();
		});
		return (server.address() as AddressInfo).port;
	}

	function callsTo(...clusters: readonly FakeCluster[]) {
		const known = new Map(clusters.map((cluster) => [cluster.name, cluster]));
		return createSideCalls({ clock: systemClock, deadlines, clusters: known, localAddress: "10.0.0.1" });
	}

	const request = (known: Partial<SideRequest> = {}): SideRequest => ({
		cluster: "auth",
		method: "POST",
		path: "/check?a=1",
		authority: "auth.example",
		headers: HeaderMap.of(["x-own", "1"]),
		body: Buffer.from("question"),
		timeoutMs: 0,
		maxBodyBytes: 1000,
		...known,
	});

	const outcome = (calls: ReturnType<typeof callsTo>, known?: Partial<SideRequest>) =>
		new Promise<SideOutcome>((resolve) => {
			let returned = false;
			calls.call(request(known), (ended) => {
				assert.ok(returned, "done was called before call had returned");
				resolve(ended);
			});
			returned = true;
		});

	test("carry request and whole answer, trailers too, and are counted at the cluster", async () => {
		let seen: IncomingMessage | undefined;
		let body = "";
		const port = await upstream((req, res) => {
			seen = req;
			req.on("data", (chunk) => {
				body += chunk;
			});
			req.on("end", () => {
				res.writeHead(403, { trailer: "grpc-status" });
				res.write("answer");
				res.addTrailers({ "grpc-status": "7" });
				res.end();
			});
		});
		const cluster = new FakeCluster("auth", [port], { http1Trailers: true });
		const ended = await outcome(callsTo(cluster), { timeoutMs: 2000 });
		assert.equal(ended.kind, "answer");
		assert.ok(ended.kind === "answer");
		assert.deepEqual([ended.status, Buffer.from(ended.body).toString()], [403, "answer"]);
		assert.equal(ended.trailers?.get("grpc-status"), "7");
		assert.deepEqual(
			[seen?.method, seen?.url, seen?.headers.host, body],
			["POST", "/check?a=1", "auth.example", "question"],
		);
		assert.equal(seen?.headers["x-own"], "1");
		assert.equal(seen?.headers["x-forwarded-for"], "10.0.0.1");
		assert.deepEqual(cluster.reports, ["403"]);
		assert.deepEqual([cluster.counts.upstreamRqTotal, cluster.counts.upstreamRqActive], [1, 0]);
		assert.deepEqual(cluster.breakers.held, { connections: 1, pending: 0, requests: 0, retries: 0 });
	});

	test("fail by name of what went wrong", async () => {
		const silent = await upstream(() => {});
		const long = await upstream((_req, res) => res.end("x".repeat(2000)));
		const piecewise = await upstream((_req, res) => {
			res.write("x".repeat(900));
			res.end("x".repeat(900));
		});
		const dying = await upstream((req) => req.socket.destroy());
		const reasonOf = async (cluster: FakeCluster | undefined, known?: Partial<SideRequest>) => {
			const ended = await outcome(callsTo(...(cluster ? [cluster] : [])), known);
			return ended.kind === "failed" ? ended.reason : ended.kind;
		};
		const empty = new FakeCluster("auth", []);
		const full = new FakeCluster("auth", [silent]);
		full.breakers.limits.requests = 0;
		const waiting = new FakeCluster("auth", [silent]);
		assert.equal(await reasonOf(undefined), "no-cluster");
		assert.equal(await reasonOf(empty), "no-healthy-upstream");
		assert.equal(await reasonOf(full), "unavailable");
		assert.equal(await reasonOf(new FakeCluster("auth", [1])), "unavailable");
		assert.equal(await reasonOf(waiting, { timeoutMs: 20 }), "timeout");
		assert.deepEqual(waiting.reports, ["timeout"]);
		assert.equal(await reasonOf(new FakeCluster("auth", [long])), "too-large");
		assert.equal(await reasonOf(new FakeCluster("auth", [piecewise])), "too-large");
		assert.equal(await reasonOf(new FakeCluster("auth", [dying])), "reset");
	});

	test("a cancelled call is over: nothing is told, nothing is held", async () => {
		let arrived = () => {};
		const came = new Promise<void>((resolve) => {
			arrived = resolve;
		});
		const port = await upstream(() => arrived());
		const cluster = new FakeCluster("auth", [port]);
		let told = 0;
		const call = callsTo(cluster).call(request(), () => told++);
		await came;
		call.cancel();
		call.cancel();
		assert.equal(told, 0);
		assert.deepEqual(cluster.breakers.held.requests, 0);
	});
});
