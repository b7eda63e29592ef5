import type { FilterStream } from "../http-filter.ts";
import type { AuthzDecision } from "./authz-decision.ts";

/** One request as it is shown to the service. */
export interface AuthzRequest {
	readonly stream: FilterStream;
	/** Undefined: bodies are not shown. */
	readonly body: ShownBody | undefined;
	readonly contextExtensions: Readonly<Record<string, string>>;
}

export interface ShownBody {
	readonly bytes: Uint8Array;
	/** There is more of it than is shown. */
	readonly partial: boolean;
}

/** A service that decides; the returned function gives the question up. */
export type AuthzService = (request: AuthzRequest, done: (decision: AuthzDecision) => void) => () => void;

/** Which request headers the service sees; undefined: the protocol's usual ones. */
export interface ShownHeaders {
	readonly allowed: ((name: string) => boolean) | undefined;
	readonly disallowed: ((name: string) => boolean) | undefined;
}

/** Tells the service whether it sees all of the body. */
export const PARTIAL_BODY = "x-envoy-auth-partial-body";
