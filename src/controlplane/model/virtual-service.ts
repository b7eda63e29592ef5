import type { ConfigMeta } from "./config-object.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import type { StringMatch } from "./string-match.ts";
import type { Visibility } from "./visibility.ts";

/** The reserved gateway name for sidecars. */
export const MESH_GATEWAY = "mesh";

/** A VirtualService with its hosts and gateway references resolved. */
export interface VirtualService {
	readonly meta: ConfigMeta;
	/** FQDNs, wildcards and addresses, lower case; empty for a delegate (which is not applied on its own). */
	readonly hosts: readonly string[];
	/** `mesh` or `namespace/name`. */
	readonly gateways: readonly string[];
	readonly visibility: Visibility;
	readonly http: readonly HttpRule[];
	/** True when `tls` or `tcp` rules are there (told as unsupported when read). */
	readonly hasL4Rules: boolean;
}

export interface HttpRule {
	readonly name: string;
	/** Empty: matches everything. */
	readonly match: readonly HttpMatch[];
	readonly route: readonly RouteDestination[];
	readonly redirect: Redirect | undefined;
	readonly directResponse: DirectResponse | undefined;
	/** Set: the rule stands for the rules of another VirtualService, which `resolveDelegates` puts in its place. */
	readonly delegate: { readonly namespace: string; readonly name: string } | undefined;
	readonly rewrite: Rewrite | undefined;
	readonly timeoutMs: number | undefined;
	readonly retries: RetryPolicy | undefined;
	readonly fault: Fault | undefined;
	readonly mirrors: readonly Mirror[];
	readonly cors: CorsPolicy | undefined;
	readonly headers: HeaderOperations | undefined;
}

export interface HttpMatch {
	readonly name: string;
	readonly uri: StringMatch | undefined;
	readonly ignoreUriCase: boolean;
	readonly scheme: StringMatch | undefined;
	readonly method: StringMatch | undefined;
	readonly authority: StringMatch | undefined;
	readonly headers: readonly (readonly [string, StringMatch])[];
	readonly withoutHeaders: readonly (readonly [string, StringMatch])[];
	readonly queryParams: readonly (readonly [string, StringMatch])[];
	/** 0: any. */
	readonly port: number;
	readonly sourceLabels: Readonly<Record<string, string>>;
	/** Empty: any. */
	readonly sourceNamespace: string;
	/** Empty: the VirtualService's own list. */
	readonly gateways: readonly string[];
	readonly statPrefix: string;
}

export interface Destination {
	/** FQDN. */
	readonly host: string;
	readonly subset: string;
	/** Undefined: the only port, or the listener's. */
	readonly port: number | undefined;
}

export interface RouteDestination {
	readonly destination: Destination;
	/** Undefined when not written, which differs from 0 only when no destination has one (design D1). */
	readonly weight: number | undefined;
	readonly headers: HeaderOperations | undefined;
}

export interface HeaderOperations {
	readonly request: HeaderMutations;
	readonly response: HeaderMutations;
}

export interface HeaderMutations {
	readonly set: Readonly<Record<string, string>>;
	readonly add: Readonly<Record<string, string>>;
	readonly remove: readonly string[];
}

export interface Redirect {
	readonly uri: string | undefined;
	readonly prefixRewrite: string | undefined;
	readonly authority: string | undefined;
	readonly port: number | undefined;
	readonly derivePort: "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT" | undefined;
	readonly scheme: string | undefined;
	readonly code: number;
}

export interface DirectResponse {
	readonly status: number;
	readonly body: { readonly text: string } | { readonly base64: string } | undefined;
}

export interface Rewrite {
	readonly uri: string | undefined;
	readonly uriRegex: { readonly match: string; readonly rewrite: string } | undefined;
	readonly authority: string | undefined;
}

/** Shares are percent, 0 when not written: a fault without a percentage does nothing. */
export interface Fault {
	readonly delay: { readonly fixedMs: number; readonly percent: number } | undefined;
	readonly abort: { readonly percent: number; readonly status: { http: number } | { grpc: number } } | undefined;
}

export interface Mirror {
	readonly destination: Destination;
	readonly percent: number;
}

export interface CorsPolicy {
	readonly allowOrigins: readonly StringMatch[];
	readonly allowMethods: readonly string[];
	readonly allowHeaders: readonly string[];
	readonly exposeHeaders: readonly string[];
	readonly maxAgeMs: number | undefined;
	readonly allowCredentials: boolean | undefined;
	readonly forwardUnmatchedPreflights: boolean;
}
