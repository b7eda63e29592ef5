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
	const { name = "", operation } = cause as { name?: string; operation?: Operation };
	const why = REASONS[name] ?? "the operation is not valid";
	const text = operation ? `${operation.op} operation at ${operation.path || "the root"}: ${why}` : why;
	const message = `the server rejected our request due to an error in our request: ${text}`;
	return new ApiError(422, "Invalid", message, undefined, { cause });
}

/** By the library's names for them. */
const REASONS: Readonly<Record<string, string>> = {
	TEST_OPERATION_FAILED: "the value is another one",
	OPERATION_PATH_UNRESOLVABLE: "there is nothing at this path",
	OPERATION_FROM_UNRESOLVABLE: "there is nothing at the path that `from` names",
	OPERATION_PATH_CANNOT_ADD: "the path leads through something that is not there",
	OPERATION_VALUE_OUT_OF_BOUNDS: "the index is beyond the end of the list",
	OPERATION_PATH_ILLEGAL_ARRAY_INDEX: "a list's items are named by their index or -",
	OPERATION_PATH_INVALID: "a path begins with /",
	OPERATION_OP_INVALID: "there is no such operation",
	OPERATION_VALUE_REQUIRED: "a value is needed",
	OPERATION_FROM_REQUIRED: "`from` is needed",
};
