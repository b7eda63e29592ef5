import { parseAllDocuments } from "yaml";
import { parseApiVersion } from "../../../kinds/api-version.ts";
import { schemaOf } from "../../../kinds/catalogue.ts";
import { unknownFieldHint } from "../../../kinds/istio/unknown-field-hints.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { findDecodeErrors } from "../../../kinds/object-pipeline.ts";
import { decodeProtobuf } from "../../../kinds/protobuf/decode-protobuf.ts";
import { pruneUnknown } from "../../../kinds/schema/unknown-fields.ts";
import { badRequest, unsupportedMediaType } from "../http/api-error.ts";
import { parseMediaType } from "../http/media-type.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import { findDuplicateMembers } from "./duplicate-members.ts";
import type { WriteRequest } from "./request-scope.ts";
import type { ServedResource } from "./served-resource.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const ACCEPTED = ["application/json", "application/yaml", PROTOBUF];

/** A body as decoded, with the paths of members that were given twice. */
export interface DecodedBody {
	readonly value: JsonObject;
	readonly duplicates: readonly string[];
}

/** Decodes a body by its Content-Type (none means JSON, as kubectl scale sends it). Throws 400 or 415. */
export function decodeBody(body: Buffer, contentType: string | undefined, allowProtobuf: boolean): DecodedBody {
	const { type } = parseMediaType(contentType || "application/json");
	const accepted = allowProtobuf ? ACCEPTED : ACCEPTED.slice(0, 2);
	if (!accepted.includes(type)) {
		const list = accepted.join(", ");
		throw unsupportedMediaType(
			`the body of the request was in an unknown format - accepted media types include: ${list}`,
		);
	}
	if (type === PROTOBUF) return { value: decodeBinary(body) as unknown as JsonObject, duplicates: [] };
	const decoded = type === "application/yaml" ? decodeYaml(body) : decodeJson(body);
	if (!isJsonObject(decoded.value)) throw badRequest("the object provided is unrecognized: it is not an object");
	return decoded as DecodedBody;
}

function decodeBinary(body: Buffer): KubeObject {
	try {
		return decodeProtobuf(body);
	} catch (cause) {
		throw unrecognized(cause);
	}
}

function decodeJson(body: Buffer): { value: unknown; duplicates: readonly string[] } {
	const text = body.toString("utf8");
	try {
		return { value: JSON.parse(text), duplicates: findDuplicateMembers(text) };
	} catch (cause) {
		throw unrecognized(cause);
	}
}

function decodeYaml(body: Buffer): { value: unknown; duplicates: readonly string[] } {
	const [document, second] = parseAllDocuments(body.toString("utf8"), { uniqueKeys: true });
	if (!document || "empty" in document) throw badRequest("the object provided is unrecognized: the body is empty");
	if (second) throw badRequest("the object provided is unrecognized: the body holds more than one document");
	const [error] = document.errors;
	if (error) throw unrecognized(error);
	return { value: document.toJS({ maxAliasCount: 100 }), duplicates: [] };
}

function unrecognized(cause: unknown) {
	const reason = cause instanceof Error ? cause.message : String(cause);
	return badRequest(`the object provided is unrecognized: ${reason}`, { cause });
}

/**
 * A decoded body as an object of the resource: kind and version checked, types checked (of custom kinds only metadata's), unknown and
 * repeated members refused, warned of or dropped as `fieldValidation` says. Throws 400.
 */
export function toObject(decoded: DecodedBody, request: WriteRequest): KubeObject {
	const { resource } = request.scope;
	const object = withTypeMeta(decoded.value, resource);
	if (!isJsonObject(object.metadata ?? {})) throw cannotHandle(resource, "metadata is not an object");
	object.metadata ??= {};
	refuseWrongTypes(resource, object);
	checkMembers(object, decoded.duplicates, request);
	return object;
}

function withTypeMeta(value: JsonObject, resource: ServedResource): KubeObject {
	const { kind, apiVersion } = resource;
	if (kind.origin === "custom" && typeof value.kind !== "string") {
		throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(value).slice(0, 1000)}'`);
	}
	const object = { ...value, apiVersion: value.apiVersion || apiVersion, kind: value.kind || kind.kind } as KubeObject;
	if (object.apiVersion !== apiVersion) {
		throw badRequest(
			`the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
		);
	}
	if (object.kind !== kind.kind) {
		const { version } = parseApiVersion(String(object.apiVersion));
		throw badRequest(`${object.kind} in version "${version}" cannot be handled as a ${kind.kind}`);
	}
	return object;
}

function refuseWrongTypes(resource: ServedResource, object: KubeObject): void {
	const [first] = findDecodeErrors(resource.kind, resource.version, object);
	if (first !== undefined) throw cannotHandle(resource, first);
}

function checkMembers(object: KubeObject, duplicates: readonly string[], request: WriteRequest): void {
	const { resource } = request.scope;
	const unknown = pruneUnknown(schemaOf(resource.kind, resource.version), object);
	const texts = [
		...unknown.map((path) => describeUnknown(path, resource)),
		...duplicates.map((path) => `duplicate field "${path}"`),
	];
	if (texts.length === 0 || request.fieldValidation === "Ignore") return;
	if (request.fieldValidation === "Strict") throw cannotHandle(resource, `strict decoding error: ${texts.join(", ")}`);
	for (const text of texts) request.warn(text);
}

/** Kubernetes' words, and what was probably meant. */
function describeUnknown(path: string, { kind }: ServedResource): string {
	const hint = unknownFieldHint(kind, path);
	return `unknown field "${path}"${hint === "" ? "" : ` (${hint})`}`;
}

function cannotHandle({ kind, version }: ServedResource, why: string) {
	return badRequest(`${kind.kind} in version "${version}" cannot be handled as a ${kind.kind}: ${why}`);
}
