import jsonpatch from "fast-json-patch";
import { ApiError, badRequest } from "../http/api-error.ts";

type Operation = jsonpatch.Operation;

const MAX_OPERATIONS = 10_000;

/** RFC 6902 on a copy of the target. Throws 400 for a malformed patch and 422 for one that cannot be applied. */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
	if (!Array.isArray(patch)) throw badRequest("error decoding patch: a JSON patch is a list of operations");
	if (patch.length > MAX_OPERATIONS) {
		const message = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`;
		throw new ApiError(413, "RequestEntityTooLarge", message);
	}
	try {
		// banPrototypeModifications: a path such as /__proto__ is refused.
		return jsonpatch.applyPatch(structuredClone(target), patch as Operation[], true, true, true).newDocument;
	} catch (cause) {
		throw rejected(cause);
	}
}

/** Kubernetes' generic 422, and the reason, which it keeps to itself. */
function rejected(cause: unknown): ApiError {
	const { name, operation } = cause as { name?: string; operation?: Operation };
	const at = operation ? `${operation.op} operation does not apply: ${operation.path}` : "the patch does not apply";
	const message = `the server rejected our request due to an error in our request: ${at} (${name ?? String(cause)})`;
	return new ApiError(422, "Invalid", message, undefined, { cause });
}
