import type { FieldPath } from "../../../lib/field-path.ts";
import type { DirectResponseAction } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { CompileScope } from "../compile-scope.ts";
import { compileBodyFormat } from "../format/body-format.ts";
import { localReply, type ReplyBuilder } from "./redirect.ts";

/** Compiles a `DirectResponseAction`. A 201 or 3xx answer names the request's own URL as its location, as Envoy's does. */
export function compileDirectResponse(action: DirectResponseAction, at: FieldPath, scope: CompileScope): ReplyBuilder {
	const { status } = action;
	if (status < 200 || status > 599)
		scope.problems.add("invalid", at.field("status"), `${status} is no status of a response`);
	const body = readBody(action, at.field("body"), scope);
	const format =
		action.bodyFormat && compileBodyFormat(action.bodyFormat, scope.deps.env, at.field("body_format"), scope.problems);
	const located = status === 201 || (status >= 300 && status < 400);
	if (format)
		return (request, info) => ({
			status,
			body: format.format({ info, request }),
			details: "direct_response",
			headers: format.contentType === "text/plain" ? [] : [["content-type", format.contentType]],
		});
	if (!located) {
		const reply = localReply(status, body, undefined);
		return () => reply;
	}
	return (request) => localReply(status, body, `${request.scheme}://${request.authority}${request.path}`);
}

function readBody(action: DirectResponseAction, at: FieldPath, scope: CompileScope): string {
	const specifier = action.body?.specifier;
	const limit = scope.maxDirectResponseBytes;
	let bytes = new Uint8Array();
	if (specifier?.case === "inlineString") bytes = new TextEncoder().encode(specifier.value);
	else if (specifier?.case === "inlineBytes") bytes = new Uint8Array(specifier.value);
	else if (specifier?.case === "environmentVariable") bytes = fromEnvironment(specifier.value, at, scope);
	else if (specifier?.case === "filename") bytes = fromFile(specifier.value, at, scope);
	if (bytes.length > limit) {
		const fix = "raise max_direct_response_body_size_bytes";
		scope.problems.add("invalid", at, `the body has ${bytes.length} bytes, the limit is ${limit}`, fix);
	}
	return decodeText(bytes, at, scope);
}

function fromEnvironment(name: string, at: FieldPath, { deps, problems }: CompileScope): Uint8Array<ArrayBuffer> {
	const text = deps.env.environment(name);
	if (text === undefined)
		problems.add("invalid", at.field("environment_variable"), `there is no environment variable "${name}"`);
	return new TextEncoder().encode(text ?? "");
}

function fromFile(path: string, at: FieldPath, { deps, problems }: CompileScope): Uint8Array<ArrayBuffer> {
	const content = deps.env.readFile?.(path);
	if (typeof content === "object") return new Uint8Array(content);
	problems.add("invalid", at.field("filename"), content ?? "files cannot be read here");
	return new Uint8Array();
}

/** The reply's body is text; bytes that are no UTF-8 would not survive. */
function decodeText(bytes: Uint8Array, at: FieldPath, scope: CompileScope): string {
	const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
	if (text.includes("\ufffd") && new TextEncoder().encode(text).some((byte, i) => byte !== bytes[i]))
		scope.problems.notImplemented(at, "a body that is not UTF-8 text");
	return text;
}
