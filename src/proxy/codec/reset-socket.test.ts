import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls, createServer as createTls } from "node:tls";
import { createSelfSigned } from "../../../test/support/certificates.ts";
import { resetSocket } from "./transport.ts";

/** How a client learns that the server's side was reset. */
async function seenBy(client: Socket): Promise<string> {
	let code = "end";
	client.on("error", (error: NodeJS.ErrnoException) => {
		code = error.code ?? error.message;
	});
	client.resume();
	await new Promise((resolve) => client.on("close", resolve));
	return code;
}

test("a plain socket is reset, one of TLS is cut", async (t) => {
	const plain = createServer((socket) => resetSocket(socket)).listen(0, "127.0.0.1");
	await once(plain, "listening");
	const { certPem: cert, keyPem: key } = await createSelfSigned({ sans: ["a.test"] });
	const secure = createTls({ cert, key }, (socket) => resetSocket(socket)).listen(0, "127.0.0.1");
	await once(secure, "listening");
	t.after(() => {
		plain.close();
		secure.close();
	});
	const portOf = (server: typeof plain) => (server.address() as AddressInfo).port;
	assert.equal(await seenBy(connect(portOf(plain), "127.0.0.1")), "ECONNRESET");
	const client = connectTls({ port: portOf(secure), host: "127.0.0.1", rejectUnauthorized: false });
	assert.equal(await seenBy(client), "end");
});
