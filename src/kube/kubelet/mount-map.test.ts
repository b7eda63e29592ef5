import assert from "node:assert/strict";
import { test } from "node:test";
import { createMountMap } from "./mount-map.ts";

const mounts = createMountMap(
	new Map([
		["/etc/app", "/pods/1/volumes/app"],
		["/etc/app/conf.d", "/pods/1/volumes/conf"],
		["/data", "/pods/1/volumes/data"],
	]),
);

test("a mountPath at the start of a word becomes the real folder, the longest first", () => {
	assert.equal(mounts.rewrite("/etc/app/a.yaml"), "/pods/1/volumes/app/a.yaml");
	assert.equal(mounts.rewrite("--config=/etc/app/conf.d/x"), "--config=/pods/1/volumes/conf/x");
	assert.equal(
		mounts.rewrite("cat /data '/data/b' a:/data"),
		"cat /pods/1/volumes/data '/pods/1/volumes/data/b' a:/pods/1/volumes/data",
	);
});

test("what only looks alike stays", () => {
	for (const text of ["/etc/apple", "/var/etc/app", "http://data/x", "/database", ""])
		assert.equal(mounts.rewrite(text), text);
	assert.equal(mounts.realPath("/data/x/y"), "/pods/1/volumes/data/x/y");
	assert.equal(mounts.realPath("/dat"), undefined);
});
