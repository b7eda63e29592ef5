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
