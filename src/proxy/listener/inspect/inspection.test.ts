import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../../lib/clock.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { eventually, listen } from "../../hcm/proxy-fixture.ts";
import { Deadlines } from "../../http/deadlines.ts";
import { plainConnection } from "../../http/info/connection-info.ts";
import { createHttpInspector } from "./http-inspector.ts";
import { Inspection, type InspectionEnd } from "./inspection.ts";
import type { ListenerFilter, ListenerFilterConfig } from "./listener-filter.ts";
import { createProxyProtocol } from "./proxy-protocol.ts";
import { createTlsInspector } from "./tls-inspector.ts";

const metrics = new MetricRegistry();
const tls = (maxClientHelloBytes = 64 * 1024) =>
	createTlsInspector({ maxClientHelloBytes, closeOnErrors: false }, metrics);
const http = createHttpInspector(metrics);
const proxy = createProxyProtocol(
	{
		statPrefix: "",
		optional: false,
		allowV1: true,
		allowV2: true,
		rules: new Map(),
		rulesInto: "metadata",
		passesThrough: () => false,
	},
	metrics,
);

/** Ends when the tests are through: a socket that stays open keeps the process. */
const opened: Socket[] = [];
after(() => {
	for (const socket of opened) socket.destroy();
});

interface Outcome {
	readonly end: InspectionEnd;
	readonly inspection: Inspection;
	/** What whoever takes the socket then reads. */
	rest(): Promise<string>;
}

/** What listener filters make of what a client does. */
async function inspect(
	filters: readonly (ListenerFilter | ListenerFilterConfig)[],
	talk: (client: Socket) => void,
	timeoutMs = 0,
): Promise<Outcome> {
	const deadlines = new Deadlines(systemClock);
	const configs = filters.map((filter) => ("create" in filter ? filter : { name: "f", create: () => filter }));
	const done = Promise.withResolvers<Outcome>();
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		opened.push(socket.on("error", () => {}));
		const connection = plainConnection(socket);
		const inspection: Inspection = new Inspection({ socket, connection }, configs, { deadlines, timeoutMs }, (end) => {
			deadlines.close();
			const rest = async () => {
				let text = "";
				for await (const chunk of socket) text += chunk;
				return text;
			};
			done.resolve({ end, inspection, rest });
		});
		inspection.start();
	});
	const client = connect(await listen(server), "127.0.0.1");
	opened.push(client.on("error", () => {}));
	talk(client);
	const outcome = await done.promise;
	server.close();
	return outcome;
}

test("filters see bytes one after the other; what none took is there for the next reader", async () => {
	const { end, inspection, rest } = await inspect([proxy, tls(), http], (client) => {
		client.write("PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\nGET / HT");
		setImmediate(() => client.end("TP/1.1\r\n\r\n"));
	});
	assert.equal(end, "passed");
	const { connection, offeredProtocols, destinationRestored, drained } = inspection;
	assert.deepEqual(
		[connection.sourceIp, connection.localPort, destinationRestored, drained],
		["1.2.3.4", 22, true, 34],
	);
	assert.deepEqual(offeredProtocols, ["http/1.1"]);
	assert.equal(await rest(), "GET / HTTP/1.1\r\n\r\n");
});

test("a filter that is turned off is passed by", async () => {
	const off: ListenerFilterConfig = { name: "off", disabled: () => true, create: () => assert.fail("it is off") };
	const { end, rest } = await inspect([off, http], (client) => client.end("GET / HTTP/1.0\r\n\r\n"));
	assert.equal(end, "passed");
	assert.equal(await rest(), "GET / HTTP/1.0\r\n\r\n");
});

test("clients that are slow, leave early or send too much", async () => {
	assert.equal((await inspect([tls()], (client) => client.write("\x16\x03\x01"), 30)).end, "timeout");
	assert.equal((await inspect([tls()], (client) => client.end("\x16\x03\x01"))).end, "closed-by-client");
	const reset = await inspect([http], (client) => {
		client.write("GE");
		client.once("connect", () => setTimeout(() => client.resetAndDestroy(), 5));
	});
	assert.equal(reset.end, "closed-by-client");
	const huge = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0]), Buffer.alloc(600)]);
	const tooLarge = await inspect([tls(512)], (client) => client.write(huge));
	assert.equal(tooLarge.end, "closed-by-filter");
	assert.deepEqual(tooLarge.inspection.connection.dynamicMetadata.get("envoy.filters.listener.tls_inspector"), {
		failure_reason: "ClientHelloTooLarge",
	});
	assert.equal((await inspect([http], (client) => client.write(`GET /${"x".repeat(70_000)}`))).end, "closed-by-filter");
	assert.equal((await inspect([proxy], (client) => client.write("HELLO"))).end, "closed-by-filter");
});

test("an inspection that is called off ends once", async () => {
	const waiting: ListenerFilter = { onAccept: () => "more", onData: () => "more" };
	let ends = 0;
	const server = createServer((socket) => {
		const settings = { deadlines: new Deadlines(systemClock), timeoutMs: 0 };
		const inspection: Inspection = new Inspection(
			{ socket, connection: plainConnection(socket) },
			[{ name: "w", create: () => waiting }],
			settings,
			() => {
				ends++;
				socket.destroy();
			},
		);
		inspection.start();
		inspection.cancel();
		inspection.cancel();
	});
	const client = connect(await listen(server), "127.0.0.1");
	await once(client, "close");
	await eventually(() => ends === 1);
	server.close();
});

test("a Unix socket is inspected too", async () => {
	const folder = mkdtempSync(join(tmpdir(), "lateen-inspect-"));
	const path = join(folder, "s");
	const got = Promise.withResolvers<Inspection>();
	const server = createServer((socket) => {
		opened.push(socket);
		const settings = { deadlines: new Deadlines(systemClock), timeoutMs: 0 };
		const inspection: Inspection = new Inspection(
			{ socket, connection: plainConnection(socket) },
			[{ name: "h", create: () => http }],
			settings,
			() => got.resolve(inspection),
		);
		inspection.start();
	});
	await new Promise<void>((resolve) => server.listen(path, resolve));
	const client = connect(path);
	opened.push(client);
	client.write("GET / HTTP/1.1\r\n\r\n");
	const { connection, offeredProtocols } = await got.promise;
	assert.deepEqual([connection.remoteIp, connection.localIp, offeredProtocols[0]], ["", "", "http/1.1"]);
	client.destroy();
	server.close();
	rmSync(folder, { recursive: true });
});
