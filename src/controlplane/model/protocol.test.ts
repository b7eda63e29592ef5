import assert from "node:assert/strict";
import { test } from "node:test";
import { type PortHints, type Protocol, selectProtocol } from "./protocol.ts";

test("a port's protocol comes from its transport, appProtocol, then the first word of its name", () => {
	const cases: [PortHints, Protocol][] = [
		[{ number: 80, name: "http" }, "HTTP"],
		[{ number: 80, name: "http-admin" }, "HTTP"],
		[{ number: 80, name: "HTTP2-x" }, "HTTP2"],
		[{ number: 80, name: "grpc-web-front" }, "GRPC-Web"],
		[{ number: 80, name: "grpc" }, "GRPC"],
		[{ number: 80, name: "https-x" }, "HTTPS"],
		[{ number: 9000, name: "tcp" }, "TCP"],
		[{ number: 80, name: "httpx" }, "Auto"],
		[{ number: 80, name: "admin-http" }, "Auto"],
		[{ number: 80 }, "Auto"],
		[{ number: 3306 }, "TCP"],
		[{ number: 3306, name: "http" }, "HTTP"],
		[{ number: 80, name: "tcp", appProtocol: "http" }, "HTTP"],
		[{ number: 80, name: "http", appProtocol: "kubernetes.io/h2c" }, "HTTP2"],
		[{ number: 80, name: "http", appProtocol: "something.else/odd" }, "Auto"],
		[{ number: 53, name: "http", transport: "UDP" }, "UDP"],
	];
	for (const [port, expected] of cases) assert.equal(selectProtocol(port), expected, JSON.stringify(port));
});
