import type { HeaderMap } from "./header-map.ts";

export type Protocol = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

/** A request's head as filters and the router see it; HTTP/2's pseudo header fields are members, never in `headers`. */
export interface RequestHead {
	method: string;
	/** Path with query, origin form (an absolute-form target has been split into scheme, authority and path). */
	path: string;
	/** Host with port, as the client sent it. */
	authority: string;
	scheme: "http" | "https";
	protocol: Protocol;
	readonly headers: HeaderMap;
}

export interface ResponseHead {
	status: number;
	readonly headers: HeaderMap;
}

/** The answer that the proxy gives itself. Not an exception: a failed request is an outcome. */
export interface LocalReply {
	readonly status: number;
	readonly body: string;
	/** Envoy's response flag, short form (`NR`, `UH`, `UF`...); absent for replies that are no failure. */
	readonly flag?: ResponseFlag;
	/** Envoy's response code details (`route_not_found`, `no_healthy_upstream`...). */
	readonly details: string;
	readonly headers?: readonly (readonly [string, string])[];
	/** What a gRPC client is told; by default what the HTTP status maps to. */
	readonly grpcStatus?: number;
}

/** Short names of Envoy's response flags that this proxy can set (Envoy: access log format, %RESPONSE_FLAGS%). */
export type ResponseFlag =
	| "DC"
	| "DPE"
	| "DT"
	| "DF"
	| "DI"
	| "FI"
	| "DR"
	| "DO"
	| "IH"
	| "LH"
	| "LR"
	| "NC"
	| "NFCF"
	| "NR"
	| "OM"
	| "RL"
	| "RLSE"
	| "SI"
	| "UAEX"
	| "UC"
	| "UDO"
	| "UF"
	| "UH"
	| "UMSDR"
	| "UO"
	| "UPE"
	| "UR"
	| "URX"
	| "UT";
