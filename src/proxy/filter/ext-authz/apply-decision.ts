import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import { changeQuery } from "../query-parameters.ts";
import { Append, type AuthzDecision, type HeaderChange } from "./authz-decision.ts";

type Ok = Extract<AuthzDecision, { kind: "ok" }>;

/** True when the request is another one afterwards: its route may be too. */
export function changesRequest({ request, removeHeaders, setParameters, removeParameters }: Ok): boolean {
	return request.length + removeHeaders.length + setParameters.length + removeParameters.length > 0;
}

/**
 * Changes a request as the service wants: sets, then joins, then removes (Envoy's order). Of request headers Envoy knows only these two;
 * whatever the append action says, a header is set unless the deprecated flag joins it. An HTTP service's additions are added.
 */
export function applyToRequest(decision: Ok, request: RequestHead, adds: boolean): void {
	for (const change of decision.request) {
		if (adds && change.action === Append.APPEND_IF_EXISTS_OR_ADD) request.headers.append(change.name, change.value);
		else if (!change.joins) setField(request, change.name, change.value);
	}
	for (const { name, value, joins } of decision.request) {
		const before = joins ? request.headers.getJoined(name) : undefined;
		if (before !== undefined) request.headers.set(name, `${before},${value}`);
	}
	removeFields(decision.removeHeaders, request.headers);
	const { setParameters, removeParameters } = decision;
	if (setParameters.length + removeParameters.length > 0)
		request.path = changeQuery(request.path, removeParameters, setParameters);
}

function removeFields(names: readonly string[], headers: HeaderMap): void {
	for (const name of names) {
		const lower = name.toLowerCase();
		if (lower !== "host" && !lower.startsWith(":")) headers.remove(lower);
	}
}

function setField(request: RequestHead, name: string, value: string): void {
	if (name === ":path") request.path = value;
	else if (name === ":authority" || name === "host") request.authority = value;
	else if (name === ":method") request.method = value;
	else if (name !== "" && !name.startsWith(":")) replace(request.headers, name, value);
}

const ORDER = [
	Append.APPEND_IF_EXISTS_OR_ADD,
	Append.OVERWRITE_IF_EXISTS_OR_ADD,
	Append.ADD_IF_ABSENT,
	Append.OVERWRITE_IF_EXISTS,
];

/** Changes a response's headers as the service wants, one kind of change after the other, as Envoy does. */
export function applyToResponse(changes: readonly HeaderChange[], headers: HeaderMap): void {
	for (const action of ORDER) {
		for (const change of changes) if (change.action === action) applyChange(change, headers);
	}
}

function applyChange({ name, value, action }: HeaderChange, headers: HeaderMap): void {
	if (name === "" || name.startsWith(":") || name === "content-length") return;
	if (action === Append.APPEND_IF_EXISTS_OR_ADD) headers.append(name, value);
	else if (action === Append.OVERWRITE_IF_EXISTS_OR_ADD || (action === Append.ADD_IF_ABSENT) !== headers.has(name))
		replace(headers, name, value);
}

function replace(headers: HeaderMap, name: string, value: string): void {
	headers.remove(name);
	headers.append(name, value);
}
