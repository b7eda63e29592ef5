import { HTTP2_DEFAULTS } from "../http/http2-options.ts";
import { ClientCertField } from "./client-cert-field.ts";
import type { HcmConfig } from "./hcm-config.ts";

/** Envoy's defaults (http_connection_manager.proto), for everything but the routes and filters. */
export const HCM_DEFAULTS: Omit<HcmConfig, "statPrefix" | "routes" | "filters"> = {
	accessLogs: [],
	localReplies: undefined,
	suppressEnvoyHeaders: false,
	codec: "auto",
	http1: {
		acceptHttp10: false,
		defaultHostForHttp10: "",
		enableTrailers: false,
		allowCustomMethods: false,
		allowAbsoluteUrl: true,
		maxHeadBytes: 60 * 1024,
		maxFields: 100,
	},
	http2: HTTP2_DEFAULTS,
	timeouts: {
		idleMs: 3_600_000,
		streamIdleMs: 300_000,
		requestMs: 0,
		requestHeadersMs: 0,
		delayedCloseMs: 1000,
		maxConnectionDurationMs: 0,
		maxStreamDurationMs: 0,
		drainMs: 5000,
	},
	identity: {
		useRemoteAddress: false,
		xffNumTrustedHops: 0,
		skipXffAppend: false,
		appendForwardedPort: false,
		internalRanges: [],
		generateRequestId: true,
		preserveExternalRequestId: false,
		alwaysSetRequestIdInResponse: false,
		clientCert: new ClientCertField("sanitize", {
			subject: false,
			cert: false,
			chain: false,
			dns: false,
			uri: false,
		}),
	},
	path: {
		normalizePath: false,
		mergeSlashes: false,
		escapedSlashes: "keep",
		stripPort: "no",
		stripTrailingHostDot: false,
	},
	upgrades: new Set(),
	serverName: "envoy",
	serverHeader: "overwrite",
	via: "",
	proxy100Continue: false,
	maxRequestsPerConnection: 0,
	tracing: undefined,
	requestIdRules: { packReason: true, useForSampling: true },
};
