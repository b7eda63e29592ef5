import assert from "node:assert/strict";
import { test } from "node:test";
import { HostIndex } from "./host-index.ts";
import { compareSpecificity, hostCovers, hostsOverlap, intersectHosts, resolveHost } from "./host-name.ts";

test("only a bare label is expanded to the rule's namespace", () => {
	const cases: [string, string][] = [
		["reviews", "reviews.prod.svc.cluster.local"],
		["Reviews", "reviews.prod.svc.cluster.local"],
		["reviews.prod", "reviews.prod"],
		["*", "*"],
		["*.foo.com", "*.foo.com"],
		["10.0.0.1", "10.0.0.1"],
		["::1", "::1"],
		["", ""],
	];
	for (const [host, expected] of cases) assert.equal(resolveHost(host, "prod", "cluster.local"), expected, host);
});

test("wildcards cover by suffix and never the bare domain", () => {
	assert.ok(hostCovers("*.foo.com", "a.foo.com"));
	assert.ok(hostCovers("*.foo.com", "a.b.foo.com"));
	assert.ok(!hostCovers("*.foo.com", "foo.com"));
	assert.ok(hostCovers("*-bar.foo.com", "x-bar.foo.com"));
	assert.ok(hostCovers("*.com", "*.foo.com"));
	assert.ok(!hostCovers("*.foo.com", "*.com"));
	assert.ok(hostsOverlap("*.foo.com", "*.com"));
	assert.ok(!hostsOverlap("a.foo.com", "b.foo.com"));
});

test("an intersection is the more specific of the two", () => {
	assert.equal(intersectHosts("*", "bookinfo.com"), "bookinfo.com");
	assert.equal(intersectHosts("*.example.com", "*"), "*.example.com");
	assert.equal(intersectHosts("a.com", "b.com"), undefined);
});

test("the most specific pattern wins, exact before wildcard", () => {
	const index = new HostIndex([
		["*", 1],
		["*.foo.com", 2],
		["*.b.foo.com", 3],
		["a.b.foo.com", 4],
	]);
	assert.equal(index.match("x.org"), 1);
	assert.equal(index.match("a.foo.com"), 2);
	assert.equal(index.match("z.b.foo.com"), 3);
	assert.equal(index.match("a.b.foo.com"), 4);
	assert.equal(index.match("*.b.foo.com"), 3);
	assert.deepEqual(["b", "*", "a", "*.x", "aa"].sort(compareSpecificity), ["aa", "a", "b", "*.x", "*"]);
});
