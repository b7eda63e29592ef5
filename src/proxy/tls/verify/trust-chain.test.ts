import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestAuthority } from "../../../../test/support/certificates.ts";
import { pathLengthOf } from "./certificate-der.ts";
import { leadsToAuthority } from "./trust-chain.ts";

test("a chain must lead to an authority by signatures, in time, and only over those that may sign", async () => {
	const root = await createTestAuthority();
	const middle = await root.issue({ subject: "CN=middle", ca: true });
	const leaf = await middle.issue({ sans: ["a.test"] });
	const byLeaf = await leaf.issue({ sans: ["b.test"] });
	const old = await root.issue({ sans: ["c.test"], notBefore: new Date(1e12), notAfter: new Date(1.1e12) });
	const x = (...pems: { certPem: string }[]) => pems.map(({ certPem }) => new X509Certificate(certPem));
	const authorities = x(root);
	const ask = (chain: X509Certificate[], nowMs: number | undefined = Date.now()) =>
		leadsToAuthority(chain, { authorities, nowMs });
	assert.equal(ask(x(leaf, middle)), true);
	assert.equal(ask(x(leaf)), false);
	assert.equal(ask(x(byLeaf, leaf, middle)), false);
	assert.equal(ask(x(old)), false);
	assert.equal(leadsToAuthority(x(old), { authorities, nowMs: undefined }), true);
	assert.equal(leadsToAuthority(x(leaf, middle), { authorities: x(middle), nowMs: Date.now() }), true);
	assert.equal(ask(x(await (await createTestAuthority()).issue({ sans: ["a.test"] }))), false);
});

test("the path length of an authority limits how many others stand below it", async () => {
	const root = await createTestAuthority("CN=root", 0);
	const middle = await root.issue({ subject: "CN=middle", ca: true });
	const deep = await middle.issue({ sans: ["a.test"] });
	const direct = await root.issue({ sans: ["a.test"] });
	const x = (...pems: { certPem: string }[]) => pems.map(({ certPem }) => new X509Certificate(certPem));
	assert.equal(pathLengthOf(x(root)[0]!), 0);
	assert.equal(pathLengthOf(x(middle)[0]!), undefined);
	const rules = { authorities: x(root), nowMs: Date.now() };
	assert.equal(leadsToAuthority(x(direct), rules), true);
	assert.equal(leadsToAuthority(x(deep, middle), rules), false);
});
