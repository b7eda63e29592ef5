import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "../../../lib/clock.ts";
import { LogSinks } from "./log-sinks.ts";

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "lateen-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function setUp() {
	const clock = new ManualClock();
	const sinks = new LogSinks(clock);
	const path = join(folder, "log");
	return { clock, sinks, path, write: sinks.open({ kind: "file", path }), read: () => readFileSync(path, "utf8") };
}

test("lines wait for each other, a quarter of a second at most", () => {
	const { clock, write, read } = setUp();
	write("one\n");
	write("two\n");
	assert.equal(read(), "");
	clock.advance(250);
	assert.equal(read(), "one\ntwo\n");
	write("three\n");
	clock.advance(250);
	assert.equal(read(), "one\ntwo\nthree\n");
});

test("a full batch does not wait", () => {
	const { write, read } = setUp();
	const line = `${"x".repeat(999)}\n`;
	for (let i = 0; i < 66; i++) write(line);
	assert.equal(read(), line.repeat(66));
});

test("a line longer than a batch keeps its place", () => {
	const { write, read, sinks } = setUp();
	const long = `${"é".repeat(100_000)}\n`;
	write("before\n");
	write(long);
	write("behind\n");
	sinks.flush();
	assert.equal(read(), `before\n${long}behind\n`);
});

test("characters that are bytes of UTF-8 are written as these bytes, others as what they are", () => {
	const { write, read, sinks } = setUp();
	const asBytes = (text: string) => Buffer.from(text).toString("latin1");
	write(`${asBytes("grün €")}\n`);
	write("gr\xfcn\n");
	write("€ \xfc\n");
	sinks.flush();
	assert.equal(read(), "grün €\ngrün\n€ ü\n");
});

test("a moved file is left when the logs are opened anew", () => {
	const { sinks, path, write, read } = setUp();
	write("old\n");
	renameSync(path, `${path}.1`);
	sinks.reopen();
	write("new\n");
	sinks.flush();
	assert.deepEqual([readFileSync(`${path}.1`, "utf8"), read()], ["old\n", "new\n"]);
});
