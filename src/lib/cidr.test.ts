import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { cidrContains, formatMasked, parseCidr, parseIp } from "./cidr.ts";

test("texts that are no addresses are not parsed", () => {
	for (const text of [
		"",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"01.2.3.4",
		"1..2.3",
		"1.2.3.x",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"::1.2.3",
		"1.2.3.4::",
		"fe80::1%eth0",
	])
		assert.equal(parseIp(text), undefined, text);
});

test("what node takes for an address is one here, and the other way round", () => {
	fc.assert(
		fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/)), (text) => {
			assert.equal(parseIp(text) !== undefined, isIP(text) !== 0);
		}),
	);
});

test("ranges hold the same addresses as node's", () => {
	fc.assert(
		fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), (base, other, length) => {
			const v6 = base.includes(":");
			const prefix = v6 ? length : length % 33;
			const list = new BlockList();
			list.addSubnet(base, prefix, v6 ? "ipv6" : "ipv4");
			const sameFamily = other.includes(":") === v6;
			const expected = sameFamily && list.check(other, v6 ? "ipv6" : "ipv4");
			assert.equal(cidrContains(parseCidr(base, prefix)!, parseIp(other)!), expected);
			assert.ok(cidrContains(parseCidr(base, prefix)!, parseIp(base)!));
		}),
	);
});

test("prefixes longer than the address are refused", () => {
	assert.equal(parseCidr("1.2.3.4", 33), undefined);
	assert.equal(parseCidr("::", 129), undefined);
	assert.equal(parseCidr("host", 8), undefined);
});

test("masked addresses are written in the shortest form", () => {
	assert.equal(formatMasked(parseIp("10.1.2.3")!, 24), "10.1.2.0");
	assert.equal(formatMasked(parseIp("10.1.2.3")!, 0), "0.0.0.0");
	assert.equal(formatMasked(parseIp("10.1.2.3")!, 32), "10.1.2.3");
	assert.equal(formatMasked(parseIp("2001:0db8:0:0:1:0:0:1")!, 128), "2001:db8::1:0:0:1");
	assert.equal(formatMasked(parseIp("2001:db8:1:2:3:4:5:6")!, 64), "2001:db8:1:2::");
	assert.equal(formatMasked(parseIp("::1")!, 0), "::");
});
