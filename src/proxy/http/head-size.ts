import type { HeaderMap } from "./header-map.ts";
import type { RequestHead, ResponseHead } from "./message.ts";

/** Names and values together, as Envoy sizes header maps. */
export function fieldsSize({ names, values }: HeaderMap): number {
	let bytes = 0;
	for (let i = 0; i < names.length; i++) bytes += names[i]!.length + values[i]!.length;
	return bytes;
}

/** Fields and pseudo fields of a request; empty ones do not count. */
export function requestHeadSize({ method, path, authority, scheme, headers }: RequestHead): number {
	// It could not be read.
	if (method === "") return 0;
	return (
		fieldsSize(headers) +
		pseudoSize(":method", method) +
		pseudoSize(":path", path) +
		pseudoSize(":authority", authority) +
		pseudoSize(":scheme", scheme)
	);
}

/** Fields of a response and its status. */
export function responseHeadSize({ status, headers }: ResponseHead): number {
	return fieldsSize(headers) + pseudoSize(":status", String(status));
}

function pseudoSize(name: string, value: string): number {
	return value === "" ? 0 : name.length + value.length;
}
