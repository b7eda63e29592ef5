import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { kindOfObject, parseApiVersion, schemaOf } from "./catalogue.ts";
import { formatFieldError } from "./field-error.ts";
import { validateIstio } from "./istio/validate-istio.ts";
import type { KubeObject } from "./object.ts";
import { applyDefaults, findDecodeErrors, validateObject } from "./object-pipeline.ts";
import { findUnknownFields } from "./schema/unknown-fields.ts";

/** The scenarios' files, where they are: in CI, and beside a developer's checkout. */
const FOLDER = process.env.LATEEN_SHARED
	? join(process.env.LATEEN_SHARED, "acceptance")
	: join(import.meta.dirname, "../../../shared/acceptance");
const skip = existsSync(FOLDER) ? false : `${FOLDER} is not there`;

interface Found {
	readonly file: string;
	readonly object: KubeObject;
}

function* objects(): Generator<Found> {
	for (const name of readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).sort()) {
		if (!/\.ya?ml$/.test(name)) continue;
		for (const document of parseAllDocuments(readFileSync(join(FOLDER, name), "utf8"))) {
			const object = document.toJS() as KubeObject | null;
			if (!object?.apiVersion) continue;
			object.metadata ??= {};
			yield { file: relative(FOLDER, join(FOLDER, name)), object };
		}
	}
}

/** API groups of the old walk-throughs and of parts that are no API objects: no kind may be found for them. */
const FOREIGN = /^(config|rbac|authentication|install)\.istio\.io\/|^gateway\.networking\.k8s\.io\/|^kustomize/;

/** Files that the scenarios expect to be refused, with what is wrong with them. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
	"001/07-destinationrule-foo-ext-mutual-as-written.yaml": ['unknown field "spec.name"', "spec.host: Required value"],
};

/** Files that are taken with a warning. */
const WARNED: Readonly<Record<string, string>> = {
	"000/02-round-robin-two-services.yaml": "LTN1307",
	"000/03-least-conn.yaml": "LTN1116",
	"002/istio-tutorial/istiofiles/destination-rule-recommendation_cb_policy_version_v2.yml": "LTN1116",
	"002/istio-tutorial/istiofiles/destination-rule-recommendation_cb_policy_pool_ejection.yml": "LTN1116",
};

function refusals(object: KubeObject): string[] {
	const kind = kindOfObject(object)!;
	const { version } = parseApiVersion(object.apiVersion);
	const unknown = findUnknownFields(schemaOf(kind, version), object).map((path) => `unknown field "${path}"`);
	const types = findDecodeErrors(kind, version, object);
	applyDefaults(kind, version, object);
	return [...unknown, ...types, ...validateObject(kind, version, object).errors.map(formatFieldError)];
}

test("the scenarios' objects are valid, except those that the scenarios want refused", { skip }, () => {
	let count = 0;
	for (const { file, object } of objects()) {
		const kind = kindOfObject(object);
		if (!kind) {
			assert.match(object.apiVersion, FOREIGN, `${file}: ${object.kind} is unknown`);
			continue;
		}
		if (kind.namespaced) object.metadata.namespace ??= "default";
		assert.deepEqual(refusals(object), REFUSED[file] ?? [], `${file} ${object.kind} ${object.metadata.name}`);
		count++;
	}
	assert.ok(count > 250, `only ${count} objects`);
});

test("defaults of the scenarios' objects are stable and every column can be printed", { skip }, () => {
	for (const { file, object } of objects()) {
		const kind = kindOfObject(object);
		if (!kind) continue;
		const { version } = parseApiVersion(object.apiVersion);
		applyDefaults(kind, version, object);
		const again = structuredClone(object);
		applyDefaults(kind, version, again);
		assert.deepEqual(again, object, file);
		for (const column of kind.columns) assert.notEqual(column.get(object, 0), undefined, `${file} ${column.name}`);
	}
});

test("the scenarios' Istio objects are warned of where the tables say so", { skip }, () => {
	const seen = new Set<string>();
	for (const { file, object } of objects()) {
		if (!object.apiVersion.includes("istio.io/") || FOREIGN.test(object.apiVersion) || REFUSED[file]) continue;
		object.metadata.namespace ??= "default";
		const { errors, warnings } = validateIstio(object, { strict: false });
		assert.deepEqual(errors, [], file);
		if (WARNED[file] && warnings.some(({ code }) => code === WARNED[file])) seen.add(file);
	}
	assert.deepEqual([...seen].sort(), Object.keys(WARNED).sort());
});

test("strictly as Istio, destinations without weights are refused", { skip }, () => {
	for (const { file, object } of objects()) {
		if (file !== "000/02-round-robin-two-services.yaml") continue;
		const { errors } = validateIstio(object, { strict: true });
		assert.ok(errors.some(({ message }) => message === "total destination weight = 0"));
	}
});
