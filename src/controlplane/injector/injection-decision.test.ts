import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../kinds/object.ts";
import { decideInjection } from "./injection-decision.ts";

interface Row {
	readonly injection?: string;
	readonly namespaceRev?: string;
	readonly inject?: string;
	readonly podRev?: string;
	readonly byDefault?: boolean;
	readonly expected: boolean;
}

/** The table of istio-security-telemetry-cli.md 5.1; R is `default`. */
const TABLE: readonly Row[] = [
	{ injection: "enabled", expected: true },
	{ injection: "enabled", inject: "true", expected: true },
	{ injection: "enabled", inject: "false", expected: false },
	{ injection: "enabled", namespaceRev: "other", podRev: "other", expected: true },
	{ injection: "disabled", expected: false },
	{ injection: "disabled", inject: "true", expected: false },
	{ injection: "disabled", namespaceRev: "default", podRev: "default", expected: false },
	{ namespaceRev: "default", expected: true },
	{ namespaceRev: "default", inject: "false", expected: false },
	{ namespaceRev: "other", expected: false },
	{ namespaceRev: "other", inject: "true", podRev: "default", expected: false },
	{ inject: "true", expected: true },
	{ podRev: "default", expected: true },
	{ podRev: "default", inject: "false", expected: false },
	{ podRev: "other", inject: "true", expected: false },
	{ inject: "false", expected: false },
	{ expected: false },
	{ byDefault: true, expected: true },
	{ byDefault: true, inject: "false", expected: false },
	{ byDefault: true, injection: "disabled", expected: false },
];

const labels = (entries: Record<string, string | undefined>) =>
	Object.fromEntries(Object.entries(entries).filter((e): e is [string, string] => e[1] !== undefined));

function pod(row: Row, spec: object = {}): KubeObject {
	const own = labels({ "sidecar.istio.io/inject": row.inject, "istio.io/rev": row.podRev });
	return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", labels: own }, spec };
}

const namespaceOf = (row: Row, name = "default") => ({
	name,
	labels: labels({ "istio-injection": row.injection, "istio.io/rev": row.namespaceRev }),
});

const policyOf = (row: Row) => ({ revision: "default", enabledByDefault: row.byDefault ?? false });

for (const row of TABLE)
	test(`labels ${JSON.stringify(row)}`, () => {
		assert.equal(decideInjection(pod(row), namespaceOf(row), policyOf(row)).inject, row.expected);
	});

test("pods on the host's network and system namespaces never get a proxy", () => {
	const row: Row = { injection: "enabled", expected: false };
	assert.equal(decideInjection(pod(row, { hostNetwork: true }), namespaceOf(row), policyOf(row)).inject, false);
	assert.equal(decideInjection(pod(row), namespaceOf(row, "kube-system"), policyOf(row)).inject, false);
});

test("the old annotation says no, unless the label says something", () => {
	const annotated = (label?: string) => {
		const p = pod({ inject: label, expected: false });
		p.metadata.annotations = { "sidecar.istio.io/inject": "false" };
		return decideInjection(p, namespaceOf({ injection: "enabled", expected: true }), policyOf({ expected: true }));
	};
	assert.equal(annotated().inject, false);
	assert.equal(annotated("true").inject, true);
});
