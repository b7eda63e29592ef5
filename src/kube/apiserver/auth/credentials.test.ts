import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadCredentials } from "./credentials.ts";

const NOW = Date.UTC(2026, 10, 20);

test("credentials are made once, kept, and private", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "lateen-ca-"));
	t.after(() => rm(folder, { recursive: true }));
	const first = await loadCredentials(folder, ["127.0.0.1", "localhost"], NOW);
	const second = await loadCredentials(folder, ["127.0.0.1", "localhost"], NOW);
	assert.deepEqual(second, first);
	assert.equal((await stat(join(folder, "ca.key"))).mode & 0o777, 0o600);
	assert.equal((await stat(join(folder, "admin-token"))).mode & 0o777, 0o600);
	const admin = new X509Certificate(first.admin.certificatePem);
	assert.match(admin.subject, /O=system:masters/);
	assert.ok(admin.verify(new X509Certificate(first.caPem).publicKey));
});

test("a certificate that lacks a host or is about to end is issued anew under the same authority", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "lateen-ca-"));
	t.after(() => rm(folder, { recursive: true }));
	const first = await loadCredentials(folder, ["127.0.0.1"], NOW);
	const wider = await loadCredentials(folder, ["127.0.0.1", "127.42.128.1"], NOW);
	assert.equal(wider.caPem, first.caPem);
	assert.notEqual(wider.server.certificatePem, first.server.certificatePem);
	assert.equal(wider.admin.certificatePem, first.admin.certificatePem);
	const later = await loadCredentials(folder, ["127.0.0.1"], NOW + 340 * 86_400_000);
	assert.notEqual(later.admin.certificatePem, wider.admin.certificatePem);
});
