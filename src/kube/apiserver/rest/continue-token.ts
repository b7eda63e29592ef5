import { badRequest } from "../http/api-error.ts";

/** Where a chunked list goes on. */
export interface ContinueToken {
	/** Revision of the first page: all pages show that state. */
	readonly revision: number;
	/** Key of the last object that was given. */
	readonly afterKey: string;
}

/** An opaque text for clients. */
export function encodeContinue({ revision, afterKey }: ContinueToken): string {
	return Buffer.from(JSON.stringify({ v: "lateen/1", rv: revision, after: afterKey })).toString("base64url");
}

/** Throws 400 for anything that `encodeContinue` did not make. */
export function decodeContinue(text: string): ContinueToken {
	try {
		const { v, rv, after } = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as Record<string, unknown>;
		if (v === "lateen/1" && Number.isSafeInteger(rv) && typeof after === "string")
			return { revision: rv as number, afterKey: after };
	} catch (cause) {
		throw badRequest("continue key is not valid", { cause });
	}
	throw badRequest("continue key is not valid");
}
