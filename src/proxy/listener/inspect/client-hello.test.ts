import assert from "node:assert/strict";
import { connect as connectTcp, createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { listen } from "../../hcm/proxy-fixture.ts";
import { readClientHello } from "../../tls/hello/client-hello.ts";

/** What OpenSSL really sends. */
async function realHello(options: {
	servername?: string;
	ALPNProtocols?: string[];
	maxVersion?: "TLSv1.2";
}): Promise<Buffer> {
	const got = Promise.withResolvers<Buffer>();
	const server = createServer((socket) => {
		socket.on("error", () => {});
		socket.once("data", (bytes) => {
			got.resolve(bytes);
			socket.destroy();
		});
	});
	const port = await listen(server);
	const client = connectTls({ socket: connectTcp(port, "127.0.0.1"), rejectUnauthorized: false, ...options });
	client.on("error", () => {});
	const bytes = await got.promise;
	client.destroy();
	server.close();
	return bytes;
}

test("server name as it came and ALPN in the client's order", async () => {
	const bytes = await realHello({ servername: "WWW.Example.com", ALPNProtocols: ["istio-h2", "h2", "http/1.1"] });
	assert.deepEqual(readClientHello(bytes), {
		kind: "found",
		hello: { serverName: "WWW.Example.com", protocols: ["istio-h2", "h2", "http/1.1"] },
		bytesRead: bytes.length,
	});
});

test("a hello without either", async () => {
	const reading = readClientHello(await realHello({ maxVersion: "TLSv1.2" }));
	assert.deepEqual(reading.kind === "found" && reading.hello, { serverName: undefined, protocols: undefined });
});

test("every part of a hello asks for more, and records may be cut anywhere", async () => {
	const whole = await realHello({ servername: "a.example", ALPNProtocols: ["h2"] });
	for (let end = 0; end < whole.length; end++)
		assert.equal(readClientHello(whole.subarray(0, end)).kind, "more", `${end} bytes`);
	const message = whole.subarray(5);
	fc.assert(
		fc.property(fc.integer({ min: 1, max: message.length - 1 }), (cut) => {
			const reading = readClientHello(Buffer.concat([record(message.subarray(0, cut)), record(message.subarray(cut))]));
			return reading.kind === "found" && reading.hello.serverName === "a.example";
		}),
	);
});

function record(piece: Buffer): Buffer {
	const head = Buffer.from([22, 3, 1, 0, 0]);
	head.writeUInt16BE(piece.length, 3);
	return Buffer.concat([head, piece]);
}

test("what is no hello is told early, with the reason", () => {
	const reason = (bytes: Buffer | string) => {
		const reading = readClientHello(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
		return reading.kind === "none" ? reading.reason : reading.kind;
	};
	assert.equal(reason("GET / HTTP/1.1"), "HTTP_REQUEST");
	assert.equal(reason("CONNECT a:1"), "HTTPS_PROXY_REQUEST");
	assert.equal(reason("hello"), "WRONG_VERSION_NUMBER");
	assert.equal(reason("hell"), "more");
	assert.equal(reason(Buffer.from([22, 3, 1, 0xff, 0xff])), "ENCRYPTED_LENGTH_TOO_LONG");
	assert.equal(reason(Buffer.from([21, 3, 1, 0, 2, 1, 0])), "goodbye");
	assert.equal(reason(Buffer.from([23, 3, 1, 0, 1, 0])), "UNEXPECTED_RECORD");
	assert.equal(reason(record(Buffer.from([2, 0, 0, 0]))), "UNEXPECTED_MESSAGE");
	assert.equal(reason(record(Buffer.from([1, 0, 0x40, 1]))), "EXCESSIVE_MESSAGE_SIZE");
	assert.equal(reason(record(Buffer.from([1, 0, 0, 3, 3, 3, 0]))), "DECODE_ERROR");
});

test("changed bytes never throw", async () => {
	const whole = await realHello({ servername: "a.example", ALPNProtocols: ["h2", "http/1.1"] });
	const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
	fc.assert(
		fc.property(change, (changes) => {
			const bytes = Buffer.from(whole);
			for (const [at, value] of changes) bytes[at] = value;
			return ["more", "none", "found"].includes(readClientHello(bytes).kind);
		}),
		{ numRuns: 500 },
	);
});
