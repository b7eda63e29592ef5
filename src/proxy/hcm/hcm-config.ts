import type { Discovered } from "../../xds/config-source.ts";
import type { AccessLog } from "../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { TypedExtensionConfig } from "../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { RouteConfiguration } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type {
	HttpConnectionManager_Tracing,
	LocalReplyConfig,
	ScopedRoutes,
} from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { HttpFilterConfig } from "../filter/http-filter.ts";
import type { RouterSettings } from "../filter/router-settings.ts";
import type { HeaderCase } from "../http/header-case.ts";
import type { Http2Options } from "../http/http2/http2-options.ts";
import type { RequestIdRules } from "../trace/sampling.ts";
import type { ClientCertField } from "./fields/client-cert-field.ts";
import type { AddressRange } from "./fields/internal-address.ts";
import type { IpDetection } from "./fields/original-ip.ts";

/** A connection manager's configuration, read and checked (`parse-hcm.ts`). Times in milliseconds, 0 = none. */
export interface HcmConfig {
	readonly statPrefix: string;
	readonly routes: RouteSource;
	/** Without the terminal router. */
	readonly filters: readonly HttpFilterConfig[];
	readonly accessLogs: readonly AccessLog[];
	/** When a stream is logged besides its end. */
	readonly logging: LogMoments;
	/** Compiled by runtime, as access logs are: both hold formats. */
	readonly localReplies: LocalReplyConfig | undefined;
	readonly router: RouterSettings;
	/** Change requests before anything else looks at them; compiled by runtime. */
	readonly earlyMutations: readonly TypedExtensionConfig[];
	/** What clients speak; "auto": by ALPN, else by their first bytes. */
	readonly codec: "auto" | "http1" | "http2";
	readonly http1: Http1Settings;
	readonly http2: Http2Options;
	readonly timeouts: HcmTimeouts;
	readonly identity: IdentitySettings;
	readonly path: PathSettings;
	/** Upgrade types on for all routes, lower case. */
	readonly upgrades: ReadonlySet<string>;
	/** What happens to fields whose names have underscores. */
	readonly underscores: "allow" | "drop" | "reject";
	/** Takes the place of every request's scheme. */
	readonly overwriteScheme: "http" | "https" | undefined;
	readonly serverName: string;
	readonly serverHeader: "overwrite" | "append-if-absent" | "pass-through";
	readonly via: string;
	readonly proxy100Continue: boolean;
	/** 0 = no limit. */
	readonly maxRequestsPerConnection: number;
	/** Compiled by `runtime`. */
	readonly tracing: HttpConnectionManager_Tracing | undefined;
	readonly requestIdRules: RequestIdRules;
}

export interface LogMoments {
	readonly onNewRequest: boolean;
	readonly onTunnel: boolean;
	/** 0: not while it runs. */
	readonly intervalMs: number;
}

export type RouteSource =
	| { readonly kind: "inline"; readonly config: RouteConfiguration }
	| ({ readonly kind: "rds"; readonly name: string } & Partial<Discovered>)
	/** Compiled by runtime. */
	| { readonly kind: "scoped"; readonly config: ScopedRoutes };

export interface Http1Settings {
	readonly acceptHttp10: boolean;
	readonly defaultHostForHttp10: string;
	readonly enableTrailers: boolean;
	readonly allowCustomMethods: boolean;
	readonly allowAbsoluteUrl: boolean;
	readonly headerCase: HeaderCase;
	readonly maxHeadBytes: number;
	readonly maxFields: number;
}

export interface HcmTimeouts {
	readonly idleMs: number;
	readonly streamIdleMs: number;
	readonly requestMs: number;
	readonly requestHeadersMs: number;
	readonly delayedCloseMs: number;
	readonly maxConnectionDurationMs: number;
	/** An HTTP/1 connection that has lasted so long ends with its next answer only. */
	readonly endsAfterAnswerOnly: boolean;
	/** Of one stream, where its route says nothing. */
	readonly maxStreamDurationMs: number;
	/** HTTP/2: between telling the client to open no more streams and refusing them. */
	readonly drainMs: number;
}

/** Who the client is, and what it may say about itself. */
export interface IdentitySettings {
	readonly useRemoteAddress: boolean;
	readonly xffNumTrustedHops: number;
	/** In place of x-forwarded-for, where the address of the peer is not used. */
	readonly detections: readonly IpDetection[];
	readonly skipXffAppend: boolean;
	readonly appendForwardedPort: boolean;
	/** Addresses that count as internal (internal_address_config); none by default. */
	readonly internalRanges: readonly AddressRange[];
	readonly generateRequestId: boolean;
	readonly preserveExternalRequestId: boolean;
	readonly alwaysSetRequestIdInResponse: boolean;
	/** Tells upstream who this proxy is: x-envoy-downstream-service-cluster, user-agent, x-envoy-downstream-service-node. */
	readonly addUserAgent: boolean;
	readonly clientCert: ClientCertField;
}

export interface PathSettings {
	readonly normalizePath: boolean;
	readonly mergeSlashes: boolean;
	readonly escapedSlashes: "keep" | "reject" | "unescape-and-redirect" | "unescape-and-forward";
	readonly stripPort: "no" | "matching" | "any";
	readonly stripTrailingHostDot: boolean;
}
