import assert from "node:assert/strict";
import { test } from "node:test";
import { IpRangeTable, inRange, ipRange, isLoopback, parseIp } from "./ip-range.ts";

test("ranges hold what begins alike", () => {
	const range = ipRange("10.1.2.3", 16)!;
	assert.deepEqual(
		["10.1.0.0", "10.1.255.255", "10.2.0.0", "::ffff:10.1.0.0"].map((ip) => inRange(range, parseIp(ip)!)),
		[true, true, false, false],
	);
	assert.equal(ipRange("10.0.0.1", 99)?.length, 32);
	assert.equal(ipRange("nope", 8), undefined);
	assert.ok(inRange(ipRange("::", 0)!, parseIp("fd00::1")!));
	assert.deepEqual(
		["127.0.0.6", "::1", "128.0.0.1", "::2"].map((ip) => isLoopback(parseIp(ip)!)),
		[true, true, false, false],
	);
});

test("of the ranges that hold an address the longest answers", () => {
	const table = new IpRangeTable<string>();
	for (const [prefix, length] of [
		["0.0.0.0", 0],
		["10.0.0.0", 8],
		["10.1.0.0", 16],
		["10.1.1.1", 32],
		["fd00::", 8],
	] as const)
		table.set(ipRange(prefix, length)!, `${prefix}/${length}`);
	assert.deepEqual(
		["9.9.9.9", "10.9.9.9", "10.1.9.9", "10.1.1.1", "fd12::1", "::1"].map((ip) => table.longest(parseIp(ip)!)),
		["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32", "fd00::/8", undefined],
	);
});
