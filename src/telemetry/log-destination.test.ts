import assert from "node:assert/strict";
import type { writeSync } from "node:fs";
import { test } from "node:test";
import { logDestination } from "./log-destination.ts";

function fakeWrite(): { write: typeof writeSync; text(): string; fail(code: string | undefined): void } {
	let text = "";
	let code: string | undefined;
	const write = (_fd: number, bytes: Buffer) => {
		if (code !== undefined) throw Object.assign(new Error(code), { code });
		const part = bytes.subarray(0, 7); // a place takes what it can
		text += part.toString();
		return part.length;
	};
	return {
		write: write as typeof writeSync,
		text: () => text,
		fail: (next) => {
			code = next;
		},
	};
}

test("lines are written whole, whatever the place takes at once", () => {
	const place = fakeWrite();
	const log = logDestination(2, place.write);
	log.write("a line longer than seven\n");
	assert.equal(place.text(), "a line longer than seven\n");
});

test("a full disk loses lines, not the program; how many is said when there is room again", () => {
	const place = fakeWrite();
	const log = logDestination(2, place.write);
	place.fail("ENOSPC");
	log.write("one\n");
	log.write("two\n");
	place.fail(undefined);
	log.write("three\n");
	log.write("four\n");
	assert.match(place.text(), /^\{.*"2 lines could not be written before this one"\}\nthree\nfour\n$/);
});

test("any other error is a bug and is thrown", () => {
	const place = fakeWrite();
	place.fail("EBADF");
	assert.throws(() => logDestination(2, place.write).write("x\n"), /EBADF/);
});
