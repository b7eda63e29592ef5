import type { RequestHead, ResponseHead } from "../../http/message.ts";

/** The value of a request header for matchers and operators: pseudo headers by their names, several instances joined by `,`. */
export function requestHeader(request: RequestHead, name: string): string | undefined {
	return name.charCodeAt(0) === 58 || name === "host" ? pseudoHeader(request, name) : request.headers.getJoined(name);
}

/** As `requestHeader`, but only the first instance (Envoy: %REQ()%, cluster_header, hash policies). */
export function firstRequestHeader(request: RequestHead, name: string): string | undefined {
	return name.charCodeAt(0) === 58 || name === "host" ? pseudoHeader(request, name) : request.headers.get(name);
}

function pseudoHeader(request: RequestHead, name: string): string | undefined {
	switch (name) {
		case ":method":
			return request.method === "" ? undefined : request.method;
		case ":path":
			return request.path === "" ? undefined : request.path;
		case ":authority":
		case "host":
			return request.authority === "" ? undefined : request.authority;
		case ":scheme":
			return request.method === "" ? undefined : request.scheme;
		default:
			return undefined;
	}
}

/** The same for a response, whose only pseudo header is `:status`. */
export function responseHeader(response: ResponseHead, name: string): string | undefined {
	return name === ":status" ? String(response.status) : response.headers.getJoined(name);
}
