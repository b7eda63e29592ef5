import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { tcpEcho } from "./tcp-echo.ts";

test("each line comes back behind the prefix, however the bytes arrive", async () => {
	const log: string[] = [];
	const server = createServer(tcpEcho("one", (line) => log.push(line)));
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
	client.setEncoding("utf8");
	client.write("hel");
	client.write("lo\nworld\n");
	let got = "";
	for await (const chunk of client) {
		got += chunk;
		if (got.split("\n").length > 2) break;
	}
	assert.equal(got, "one hello\none world\n");
	assert.deepEqual(log.slice(0, 2), ["request: hello", "response: one hello"]);
	client.destroy();
	await new Promise((resolve) => server.close(resolve));
});
