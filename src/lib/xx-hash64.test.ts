import assert from "node:assert/strict";
import { test } from "node:test";
import { xxHash64, xxHash64Utf8 } from "./xx-hash64.ts";

test("known values of xxHash64", () => {
	// xxhsum's and Envoy's published vectors.
	assert.equal(xxHash64Utf8(""), 0xef46db3751d8e999n);
	assert.equal(xxHash64Utf8("foo"), 3728699739546630719n);
	assert.equal(xxHash64Utf8("bar"), 5234164152756840025n);
	assert.equal(xxHash64Utf8("a"), 0xd24ec4f1a98c6e5bn);
	assert.equal(xxHash64Utf8("abc"), 0x44bc2cf5ad770999n);
	assert.equal(xxHash64Utf8("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1n);
});

test("every length takes its own way through the algorithm; a seed changes all", () => {
	const seen = new Set<bigint>();
	for (let length = 0; length < 100; length++) {
		const bytes = Uint8Array.from({ length }, (_, i) => i);
		seen.add(xxHash64(bytes));
		seen.add(xxHash64(bytes, 1n));
	}
	assert.equal(seen.size, 200);
});
