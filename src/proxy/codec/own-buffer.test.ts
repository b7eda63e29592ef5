import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { readIntoOwnBuffer } from "./own-buffer.ts";

test("an accepted socket reads into the buffer that it is given, after what it had read before", async () => {
	const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
	await once(server, "listening");
	const accepted = once(server, "connection");
	const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
	const [socket] = (await accepted) as [Socket];
	const heard: string[] = [];
	const buffer = Buffer.alloc(64);
	socket.unshift(Buffer.from("before "));
	socket.on("data", (chunk) => heard.push(`event:${chunk}`));
	const taken = readIntoOwnBuffer(socket, buffer, (bytes, buf) => {
		assert.equal(buf, buffer);
		heard.push(`buffer:${buffer.toString("latin1", 0, bytes)}`);
		return true;
	});
	assert.equal(taken, true, "this Node keeps its onread option elsewhere: every read of a client costs a buffer");
	client.end("after");
	await once(socket, "end");
	assert.deepEqual(heard, ["event:before ", "buffer:after"]);
	socket.end();
	server.close();
	await once(server, "close");
});

test("what is no socket of the system reads by events", async () => {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
	await once(client, "connect");
	client.destroy();
	await once(client, "close");
	assert.equal(
		readIntoOwnBuffer(client, Buffer.alloc(1), () => true),
		false,
	);
	server.close();
});
