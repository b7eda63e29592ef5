import { create } from "@bufbuild/protobuf";
import {
	type HeaderValueOption,
	HeaderValueOption_HeaderAppendAction,
	HeaderValueOptionSchema,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { HeaderMutations, HeaderOperations } from "../../model/virtual-service.ts";

/** The four header fields that routes and weighted clusters have. */
export interface HeaderFields {
	readonly requestHeadersToAdd: HeaderValueOption[];
	readonly requestHeadersToRemove: string[];
	readonly responseHeadersToAdd: HeaderValueOption[];
	readonly responseHeadersToRemove: string[];
}

/** Operations of several levels, one after the other (istio-traffic-api.md 1.5). */
export function headerFields(...levels: readonly (HeaderOperations | undefined)[]): HeaderFields {
	const present = levels.filter((level) => level !== undefined);
	return {
		requestHeadersToAdd: present.flatMap((l) => headersToAdd(l.request)),
		requestHeadersToRemove: present.flatMap((l) => l.request.remove.filter(isOrdinary)),
		responseHeadersToAdd: present.flatMap((l) => headersToAdd(l.response)),
		responseHeadersToRemove: present.flatMap((l) => l.response.remove.filter(isOrdinary)),
	};
}

/** The host that header operations ask for: `set` before `add`; undefined when they do not touch it. */
export function authorityOf(operations: HeaderOperations | undefined): string | undefined {
	if (!operations) return undefined;
	const named = (headers: Readonly<Record<string, string>>) =>
		Object.entries(headers).find(([name]) => isAuthority(name))?.[1];
	return named(operations.request.set) ?? named(operations.request.add);
}

function headersToAdd({ set, add }: HeaderMutations): HeaderValueOption[] {
	return [
		...options(set, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD),
		...options(add, HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD),
	];
}

function options(
	headers: Readonly<Record<string, string>>,
	appendAction: HeaderValueOption_HeaderAppendAction,
): HeaderValueOption[] {
	const names = Object.keys(headers).filter(isOrdinary).sort();
	return names.map((key) => create(HeaderValueOptionSchema, { header: { key, value: headers[key] }, appendAction }));
}

/** Pseudo headers and Host are not ordinary headers: they are rewritten by the route or left alone. */
function isOrdinary(name: string): boolean {
	return !name.startsWith(":") && !isAuthority(name);
}

function isAuthority(name: string): boolean {
	const lower = name.toLowerCase();
	return lower === "host" || lower === ":authority";
}
