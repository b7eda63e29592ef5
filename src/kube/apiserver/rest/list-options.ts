import type { KubeObject } from "../../../kinds/object.ts";
import { ApiError, badRequest } from "../http/api-error.ts";
import { compileFieldSelector, type FieldTerm, parseFieldSelector } from "./field-selector.ts";
import { parseLabelSelector } from "./label-selector.ts";
import type { RequestScope } from "./request-scope.ts";

/** What a list or watch asks for. */
export interface ListOptions {
	/** Undefined: everything matches. Takes objects of the request's version. */
	readonly matches: ((object: KubeObject) => boolean) | undefined;
	/** Set when the selector names one object. */
	readonly onlyName: string | undefined;
	/** 0: no limit. */
	readonly limit: number;
	readonly continueText: string;
	/** Undefined when absent. */
	readonly resourceVersion: number | undefined;
	readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
	readonly isWatch: boolean;
	readonly allowBookmarks: boolean;
	readonly sendInitialEvents: boolean;
	readonly timeoutSeconds: number | undefined;
}

/** Reads the query of a list, watch or deletecollection; throws 400 or 422. */
export function parseListOptions(query: URLSearchParams, scope: RequestScope): ListOptions {
	const terms = parseFieldSelector(query.get("fieldSelector") ?? "");
	const isWatch = isTrue(query.get("watch"));
	const options: ListOptions = {
		matches: compileMatch(query.get("labelSelector") ?? "", terms, scope),
		onlyName: scope.name || terms.find((term) => term.field === "metadata.name" && term.equal)?.value,
		limit: parseCount(query, "limit") ?? 0,
		continueText: query.get("continue") ?? "",
		resourceVersion: parseRevision(query.get("resourceVersion") ?? ""),
		resourceVersionMatch: parseMatch(query.get("resourceVersionMatch") ?? ""),
		isWatch,
		allowBookmarks: isTrue(query.get("allowWatchBookmarks")),
		sendInitialEvents: isTrue(query.get("sendInitialEvents")),
		timeoutSeconds: parseCount(query, "timeoutSeconds"),
	};
	check(options, query.has("sendInitialEvents"));
	return options;
}

function compileMatch(
	labelSelector: string,
	terms: readonly FieldTerm[],
	scope: RequestScope,
): ((object: KubeObject) => boolean) | undefined {
	const named = scope.name === "" ? terms : [...terms, { field: "metadata.name", value: scope.name, equal: true }];
	const byLabel = parseLabelSelector(labelSelector);
	const byField = compileFieldSelector(named, scope.resource.kind.fields);
	if (!byLabel) return byField;
	const labelsMatch = (object: KubeObject) => byLabel(object.metadata.labels ?? {});
	return byField ? (object) => labelsMatch(object) && byField(object) : labelsMatch;
}

function isTrue(value: string | null): boolean {
	return value === "true" || value === "1";
}

function parseCount(query: URLSearchParams, name: string): number | undefined {
	const text = query.get(name);
	if (text === null || text === "") return undefined;
	if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name}: ${JSON.stringify(text)} is not a whole number`);
	return Number(text);
}

function parseRevision(text: string): number | undefined {
	if (text === "") return undefined;
	if (!/^\d{1,15}$/.test(text)) throw invalidOption("resourceVersion", `Invalid value: "${text}": must be a number`);
	return Number(text);
}

function parseMatch(text: string): ListOptions["resourceVersionMatch"] {
	if (text === "" || text === "Exact" || text === "NotOlderThan") return text;
	const detail = `Unsupported value: "${text}": supported values: "Exact", "NotOlderThan"`;
	throw invalidOption("resourceVersionMatch", detail);
}

/** The rules of ListOptions in apimachinery (ValidateListOptions). */
function check(options: ListOptions, namesInitialEvents: boolean): void {
	const { isWatch, resourceVersionMatch: match, resourceVersion, continueText } = options;
	const refuse = (detail: string, field = "resourceVersionMatch") => {
		throw invalidOption(field, `Forbidden: ${detail}`);
	};
	if (namesInitialEvents && !isWatch) refuse("sendInitialEvents is forbidden for list", "sendInitialEvents");
	if (isWatch) {
		if (namesInitialEvents && match !== "NotOlderThan")
			refuse("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
		if (!namesInitialEvents && match !== "")
			refuse("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
		return;
	}
	if (match === "") return;
	if (resourceVersion === undefined) refuse("resourceVersionMatch is forbidden unless resourceVersion is provided");
	if (continueText !== "") refuse("resourceVersionMatch is forbidden when continue is provided");
	if (match === "Exact" && resourceVersion === 0)
		refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
}

function invalidOption(field: string, message: string): ApiError {
	return new ApiError(422, "Invalid", `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
		group: "meta.k8s.io",
		kind: "ListOptions",
		causes: [{ reason: "FieldValueInvalid", message, field }],
	});
}
