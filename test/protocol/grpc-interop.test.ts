import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { FakeCluster } from "../../src/proxy/forward/fake-cluster.ts";
import { type ProxyFixture, startProxy } from "../../src/proxy/hcm/proxy-fixture.ts";
import { eventually } from "../support/eventually.ts";

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };

function method(path: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> {
	return {
		path: `/test.Echo/${path}`,
		requestStream,
		responseStream,
		requestSerialize: bytes.serialize,
		requestDeserialize: bytes.deserialize,
		responseSerialize: bytes.serialize,
		responseDeserialize: bytes.deserialize,
	};
}

const SERVICE = {
	unary: method("Unary", false, false),
	collect: method("Collect", true, false),
	repeat: method("Repeat", false, true),
	chat: method("Chat", true, true),
	fail: method("Fail", false, false),
	never: method("Never", false, false),
};

const EchoClient = grpc.makeGenericClientConstructor(SERVICE, "test.Echo");

interface Seen {
	cancelled: number;
	deadlines: number[];
}

function startServer(seen: Seen): Promise<{ server: grpc.Server; port: number }> {
	const server = new grpc.Server();
	server.addService(SERVICE, {
		unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
			const trailers = new grpc.Metadata();
			trailers.set("x-saw", String(call.metadata.get("x-sent")[0] ?? ""));
			call.sendMetadata(new grpc.Metadata());
			done(null, call.request, trailers);
		},
		collect: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
			const pieces: Buffer[] = [];
			call.on("data", (piece: Buffer) => pieces.push(piece));
			call.on("end", () => done(null, Buffer.concat(pieces)));
		},
		repeat: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
			for (let i = 0; i < 50; i++) call.write(call.request);
			call.end();
		},
		chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
			call.on("data", (piece: Buffer) => call.write(piece));
			call.on("end", () => call.end());
		},
		fail: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
			const metadata = new grpc.Metadata();
			metadata.set("x-why", "because");
			done({ code: grpc.status.FAILED_PRECONDITION, details: "not now: 100%", metadata });
		},
		never: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => {
			seen.deadlines.push(Number(call.getDeadline()));
			call.on("cancelled", () => {
				seen.cancelled++;
			});
		},
	});
	return new Promise((resolve, reject) => {
		server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
			error ? reject(error) : resolve({ server, port }),
		);
	});
}

type Call = (...args: readonly unknown[]) => unknown;

function invoke(client: grpc.Client, name: string, ...args: readonly unknown[]): unknown {
	return (client as unknown as Record<string, Call>)[name]!(...args);
}

function unary(
	client: grpc.Client,
	name: string,
	request: Buffer,
	options: { metadata?: grpc.Metadata; deadlineMs?: number } = {},
): Promise<{ error: grpc.ServiceError | null; answer: Buffer | undefined; status: grpc.StatusObject }> {
	return new Promise((resolve) => {
		let outcome: { error: grpc.ServiceError | null; answer: Buffer | undefined };
		const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
		const call = invoke(
			client,
			name,
			request,
			options.metadata ?? new grpc.Metadata(),
			deadline,
			(error: grpc.ServiceError | null, answer: Buffer | undefined) => {
				outcome = { error, answer };
			},
		) as grpc.ClientUnaryCall;
		call.on("status", (status: grpc.StatusObject) => setImmediate(() => resolve({ ...outcome, status })));
	});
}

describe("gRPC through the proxy", () => {
	const seen: Seen = { cancelled: 0, deadlines: [] };
	let server: grpc.Server;
	let proxy: ProxyFixture;
	let client: grpc.Client;
	let cluster: FakeCluster;

	before(async () => {
		const started = await startServer(seen);
		server = started.server;
		cluster = new FakeCluster("echo", [started.port], { httpProtocol: "http2" });
		const dead = new FakeCluster("dead", [1], { httpProtocol: "http2" });
		proxy = await startProxy({
			clusters: [cluster, dead],
			routes: [
				{ match: { prefix: "/", headers: [{ name: "x-dead", present_match: true }] }, route: { cluster: "dead" } },
				{ match: { prefix: "/test.Echo/", grpc: {} }, route: { cluster: "echo", timeout: "0s" } },
			],
		});
		client = new EchoClient(`127.0.0.1:${proxy.port}`, grpc.credentials.createInsecure());
	});

	after(async () => {
		client.close();
		server.forceShutdown();
		await proxy.close();
	});

	it("carries unary calls, many at once, with metadata both ways", async () => {
		const metadata = new grpc.Metadata();
		metadata.set("x-sent", "hello");
		const answers = await Promise.all(
			Array.from({ length: 100 }, (_, i) => unary(client, "unary", Buffer.alloc(i * 997, "x"), { metadata })),
		);
		for (const [i, { error, answer, status }] of answers.entries()) {
			assert.equal(error, null);
			assert.equal(answer?.length, i * 997);
			assert.deepEqual(status.metadata.get("x-saw"), ["hello"]);
		}
		assert.equal(cluster.counts.upstreamCxHttp2Total, 1);
	});

	it("carries a client's stream", async () => {
		const answer = await new Promise<Buffer>((resolve, reject) => {
			const call = invoke(client, "collect", (error: Error | null, value: Buffer) =>
				error ? reject(error) : resolve(value),
			) as grpc.ClientWritableStream<Buffer>;
			for (let i = 0; i < 200; i++) call.write(Buffer.alloc(10_000, i));
			call.end();
		});
		assert.equal(answer.length, 2_000_000);
		assert.equal(answer[1_999_999], 199);
	});

	it("carries a server's stream", async () => {
		const call = invoke(client, "repeat", Buffer.alloc(50_000, "r")) as grpc.ClientReadableStream<Buffer>;
		let bytesSeen = 0;
		for await (const piece of call) bytesSeen += (piece as Buffer).length;
		assert.equal(bytesSeen, 2_500_000);
	});

	it("carries a conversation, message by message", async () => {
		const call = invoke(client, "chat") as grpc.ClientDuplexStream<Buffer, Buffer>;
		const answers: string[] = [];
		const done = new Promise<grpc.StatusObject>((resolve) => {
			call.on("status", resolve);
		});
		call.on("data", (piece: Buffer) => {
			answers.push(piece.toString());
			if (answers.length < 20) call.write(Buffer.from(`message ${answers.length}`));
			else call.end();
		});
		call.write(Buffer.from("message 0"));
		assert.equal((await done).code, grpc.status.OK);
		assert.deepEqual(
			answers,
			Array.from({ length: 20 }, (_, i) => `message ${i}`),
		);
	});

	it("passes on an error that comes as trailers only", async () => {
		const { error } = await unary(client, "fail", Buffer.alloc(0));
		assert.equal(error?.code, grpc.status.FAILED_PRECONDITION);
		assert.equal(error.details, "not now: 100%");
		assert.deepEqual(error.metadata.get("x-why"), ["because"]);
	});

	it("passes the deadline on and cancels the call at the server when the client gives up", async () => {
		const before = Date.now();
		const { error } = await unary(client, "never", Buffer.alloc(0), { deadlineMs: 150 });
		assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
		assert.equal(seen.deadlines.length, 1);
		assert.ok(Math.abs(seen.deadlines[0]! - before - 150) < 150);
		await eventually("the server's call and the proxy's books to close", () =>
			seen.cancelled === 1 && cluster.breakers.held.requests === 0 ? true : undefined,
		);
	});

	it("answers in gRPC's terms when there is no server", async () => {
		const metadata = new grpc.Metadata();
		metadata.set("x-dead", "1");
		const { error } = await unary(client, "unary", Buffer.alloc(0), { metadata });
		assert.equal(error?.code, grpc.status.UNAVAILABLE);
		assert.match(error.details, /^upstream connect error/);
	});
});
