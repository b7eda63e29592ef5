import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readProxyHeader, V2_SIGNATURE } from "./proxy-header.ts";

const v1 = (line: string) => readProxyHeader(Buffer.from(`${line}\r\nrest`, "latin1"));

function v2(versionCommand: number, family: number, payload: Buffer, length = payload.length): Buffer {
	const head = Buffer.from([versionCommand, family, 0, 0]);
	head.writeUInt16BE(length, 2);
	return Buffer.concat([V2_SIGNATURE, head, payload]);
}

const V4 = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187]);
const TLVS = Buffer.from([2, 0, 1, 0x61, 4, 0, 0]);

test("version 1", () => {
	assert.deepEqual(v1("PROXY TCP4 1.2.3.4 5.6.7.8 11 65535"), {
		version: 1,
		length: 37,
		addresses: { sourceIp: "1.2.3.4", sourcePort: 11, destinationIp: "5.6.7.8", destinationPort: 65_535 },
		tlvs: [],
	});
	const v6 = v1("PROXY TCP6 1:2:3::4 5:6::7:8 100 200");
	assert.deepEqual(typeof v6 === "object" && "addresses" in v6 && v6.addresses?.destinationIp, "5:6::7:8");
	const unknown = v1("PROXY UNKNOWN whatever follows");
	assert.deepEqual(typeof unknown === "object" && "addresses" in unknown && unknown.addresses, undefined);
});

test("wrong version 1", () => {
	for (const line of [
		"PROXY",
		"PROXY TCP4 1.2.3.4 5.6.7.8 11",
		"PROXY TCP4 1.2.3.4 5.6.7.8 11 65536",
		"PROXY TCP4 1.2.3.4 5.6.7.8 11 -1",
		"PROXY TCP4 ::1 5.6.7.8 11 22",
		"PROXY TCP6 1.2.3.4 5.6.7.8 11 22",
		"PROXY TCP4 224.0.0.1 5.6.7.8 11 22",
		"PROXY TCP4 1.2.3.4 0.0.0.0 11 22",
		"PROXY TCP9 1.2.3.4 5.6.7.8 11 22",
		"PROXYTCP4 1.2.3.4 5.6.7.8 11 22",
	])
		assert.deepEqual(v1(line), { broken: 1 }, line);
	assert.equal(readProxyHeader(Buffer.from(`PROXY ${"x".repeat(200)}`)), "absent");
	assert.equal(readProxyHeader(Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n")), "absent");
});

test("version 2 with TLVs", () => {
	const bytes = v2(0x21, 0x11, Buffer.concat([V4, TLVS]));
	assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from("rest")])), {
		version: 2,
		length: bytes.length,
		addresses: { sourceIp: "1.2.3.4", sourcePort: 80, destinationIp: "5.6.7.8", destinationPort: 443 },
		tlvs: [
			{ type: 2, value: Buffer.from("a") },
			{ type: 4, value: Buffer.alloc(0) },
		],
	});
	const v6 = Buffer.concat([
		Buffer.from("fd000000000000000000000000000001", "hex"),
		Buffer.alloc(15),
		Buffer.from([1, 0, 1, 0, 2]),
	]);
	const reading = readProxyHeader(v2(0x21, 0x21, v6));
	assert.deepEqual(typeof reading === "object" && "addresses" in reading && reading.addresses, {
		sourceIp: "fd00::1",
		sourcePort: 1,
		destinationIp: "::1",
		destinationPort: 2,
	});
	const local = readProxyHeader(v2(0x20, 0, TLVS));
	assert.deepEqual(local, { version: 2, length: 16 + TLVS.length, addresses: undefined, tlvs: [] });
});

test("wrong version 2", () => {
	assert.deepEqual(readProxyHeader(v2(0x31, 0x11, V4)), { broken: 2 });
	assert.deepEqual(readProxyHeader(v2(0x22, 0x11, V4)), { broken: 2 });
	assert.deepEqual(readProxyHeader(v2(0x21, 0x31, V4)), { broken: 2 });
	assert.deepEqual(readProxyHeader(v2(0x21, 0x13, V4)), { broken: 2 });
	assert.deepEqual(readProxyHeader(v2(0x21, 0x11, V4, 11)), { broken: 2 });
	assert.deepEqual(readProxyHeader(v2(0x21, 0x11, Buffer.concat([V4, Buffer.from([2, 0, 9, 1])]))), { broken: 2 });
});

test("any beginning asks for more, any bytes are judged without throwing", () => {
	const bytes = v2(0x21, 0x11, Buffer.concat([V4, TLVS]));
	for (let end = 1; end < bytes.length; end++) assert.equal(readProxyHeader(bytes.subarray(0, end)), "more", `${end}`);
	const line = Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n");
	for (let end = 1; end < line.length; end++) assert.equal(readProxyHeader(line.subarray(0, end)), "more", `${end}`);
	const anyBytes = fc.tuple(fc.constantFrom(V2_SIGNATURE, Buffer.from("PROXY "), Buffer.alloc(0)), fc.uint8Array());
	fc.assert(
		fc.property(anyBytes, ([start, rest]) => {
			const reading = readProxyHeader(Buffer.concat([start, rest]));
			return typeof reading === "string" || "broken" in reading || reading.length <= start.length + rest.length;
		}),
	);
});
