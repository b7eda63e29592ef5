import { parse } from "yaml";
import { schemaOf } from "../../../kinds/catalogue.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { badRequest, unsupportedMediaType } from "../http/api-error.ts";
import { parseMediaType } from "../http/media-type.ts";
import { applyJsonPatch } from "../patch/json-patch.ts";
import { applyMergePatch, isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import { applyStrategicMerge } from "../patch/strategic-merge.ts";
import { toObject } from "./decode-body.ts";
import type { WriteRequest } from "./request-scope.ts";
import type { ServedResource } from "./served-resource.ts";
import type { Change } from "./update-object.ts";

const JSON_PATCH = "application/json-patch+json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

/** Applies a patch to a JSON value. */
export type ApplyPatch = (target: JsonObject) => unknown;

/** Reads a PATCH body by its Content-Type. Throws 400, and 415 for a type that the resource does not take. */
export function readPatch(body: Buffer, contentType: string | undefined, resource: ServedResource): ApplyPatch {
	const { type } = parseMediaType(contentType ?? "");
	if (type === APPLY) {
		const text =
			"server-side apply (application/apply-patch+yaml) is not supported by this server yet: use client-side apply, without --server-side";
		throw unsupportedMediaType(text);
	}
	const accepted =
		resource.kind.origin === "builtin" ? [JSON_PATCH, MERGE_PATCH, STRATEGIC] : [JSON_PATCH, MERGE_PATCH];
	if (!accepted.includes(type)) {
		const list = accepted.join(", ");
		throw unsupportedMediaType(
			`the body of the request was in an unknown format - accepted media types include: ${list}`,
		);
	}
	const patch = parsePatch(body);
	if (type === JSON_PATCH) return (target) => applyJsonPatch(target, patch);
	if (!isJsonObject(patch)) throw badRequest("error decoding patch: the patch is not an object");
	if (type === MERGE_PATCH) return (target) => applyMergePatch(target, patch);
	const schema = schemaOf(resource.kind, resource.version);
	return (target) => applyStrategicMerge(target, patch, schema);
}

/** The change that a patch makes to an object; the result is checked like a body. */
export function patchChange(apply: ApplyPatch, request: WriteRequest): Change {
	return (live) => {
		const patched = apply(live as unknown as JsonObject);
		if (!isJsonObject(patched)) throw badRequest("the patch does not leave an object");
		return toObject({ value: patched, duplicates: [] }, request) as KubeObject;
	};
}

function parsePatch(body: Buffer): unknown {
	const text = body.toString("utf8");
	try {
		return JSON.parse(text);
	} catch (cause) {
		return parseYaml(text, cause);
	}
}

/** Kubernetes takes YAML where it takes a JSON merge patch. */
function parseYaml(text: string, jsonError: unknown): unknown {
	try {
		const value: unknown = parse(text, { maxAliasCount: 100 });
		if (typeof value === "object" && value !== null) return value;
	} catch {
		// not YAML either: what JSON's parser said is the better message
	}
	const reason = jsonError instanceof Error ? jsonError.message : String(jsonError);
	throw badRequest(`error decoding patch: ${reason}`, { cause: jsonError });
}
