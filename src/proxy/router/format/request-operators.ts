import { fieldsSize, requestHeadSize, responseHeadSize } from "../../http/head-size.ts";
import { firstRequestHeader } from "../match/request-header.ts";
import { type FormatContext, type FormatOperator, OperatorError } from "./format-context.ts";

/** %PATH%, %QUERY_PARAM% and the sizes of header blocks; undefined for other names. */
export function requestOperator(name: string, text: string | undefined): FormatOperator | undefined {
	switch (name) {
		case "PATH":
			return pathOperator(text ?? "");
		case "QUERY_PARAM":
			return queryOperator(text);
		case "QUERY_PARAMS":
			return queryParamsOperator(text ?? "");
		case "REQUEST_HEADERS_BYTES":
			return ({ request }) => (request ? requestHeadSize(request) : 0);
		case "RESPONSE_HEADERS_BYTES":
			return ({ response }) => (response ? responseHeadSize(response) : 0);
		case "RESPONSE_TRAILERS_BYTES":
			return ({ trailers }) => (trailers ? fieldsSize(trailers) : 0);
		default:
			return undefined;
	}
}

/** `WQ` with the query, `NQ` without; the client's path (`ORIG`), the one that goes upstream (`PATH`), or the client's where it differs. */
function pathOperator(text: string): FormatOperator {
	const [query = "", which = ""] = text.split(":");
	if (!["", "WQ", "NQ"].includes(query) || !["", "ORIG", "PATH", "ORIG_OR_PATH"].includes(which))
		throw new OperatorError(`"${text}" is no use of %PATH%: WQ or NQ, then ORIG, PATH or ORIG_OR_PATH`);
	const cut = query === "NQ";
	return (ctx) => {
		const path = pathOf(ctx, which);
		return cut ? path?.split("?", 1)[0] : path;
	};
}

function pathOf({ request }: FormatContext, which: string): string | undefined {
	if (!request) return undefined;
	const original = which === "PATH" ? undefined : firstRequestHeader(request, "x-envoy-original-path");
	return original ?? (which === "ORIG" ? undefined : firstRequestHeader(request, ":path"));
}

/** The whole query, as it came (`ORIG`) or decoded (`DECODED`). */
function queryParamsOperator(text: string): FormatOperator {
	if (!["", "ORIG", "DECODED"].includes(text))
		throw new OperatorError(`"${text}" is no use of %QUERY_PARAMS%: ORIG or DECODED`);
	return ({ request }) => {
		const path = request && firstRequestHeader(request, ":path");
		const mark = path?.indexOf("?") ?? -1;
		if (path === undefined || mark < 0) return undefined;
		const query = path.slice(mark + 1);
		if (text !== "DECODED") return query;
		return decoded(query);
	};
}

/** As Envoy does it: `%41` → `A`; escapes of what is no visible ASCII stay, and a percent sign without two digits is dropped. */
function decoded(text: string): string {
	return text.replace(/%([0-9a-fA-F]{2})?/g, (whole, hex: string | undefined) => {
		if (hex === undefined) return "";
		const code = Number.parseInt(hex, 16);
		return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : whole;
	});
}

function queryOperator(text: string | undefined): FormatOperator {
	if (!text) throw new OperatorError("%QUERY_PARAM% needs the parameter's name: %QUERY_PARAM(NAME)%");
	return ({ request }) => {
		const query = request?.path.split("?", 2)[1] ?? "";
		for (const pair of query.split("&")) {
			const equals = pair.indexOf("=");
			if ((equals < 0 ? pair : pair.slice(0, equals)) === text) return equals < 0 ? "" : pair.slice(equals + 1);
		}
		return undefined;
	};
}
