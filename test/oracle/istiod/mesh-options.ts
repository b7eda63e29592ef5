import type { JsonObject } from "@bufbuild/protobuf";

const service = "ext.default.svc.cluster.local";
const at = { service, port: 80 };
const body = { maxRequestBytes: 100, allowPartialMessage: true, packAsBytes: true };

/** One provider of each kind with its options: access logs, tracers, authorization, metrics. */
export const PROVIDERS: readonly JsonObject[] = [
	{
		name: "file",
		envoyFileAccessLog: { path: "/dev/stdout", logFormat: { labels: { a: "%REQ(:METHOD)%", b: { c: "%PROTOCOL%" } } } },
	},
	{
		name: "http-als",
		envoyHttpAls: { ...at, additionalRequestHeadersToLog: ["x-a"], filterStateObjectsToLog: ["wasm.a"] },
	},
	{ name: "tcp-als", envoyTcpAls: at },
	{ name: "otel-als", envoyOtelAls: { ...at, logFormat: { labels: { a: "%REQ(X)%" }, text: "x" } } },
	{
		name: "zipkin",
		zipkin: { ...at, enable64bitTraceId: true, path: "/x", timeout: "3s", headers: [{ name: "a", value: "b" }] },
	},
	{ name: "otel-grpc", opentelemetry: { ...at, maxTagLength: 100, resourceDetectors: { environment: {} } } },
	{
		name: "otel-http",
		opentelemetry: { ...at, http: { path: "/v1/traces", timeout: "1s", headers: [{ name: "a", value: "b" }] } },
	},
	{ name: "datadog", datadog: at },
	{ name: "skywalking", skywalking: { ...at, accessToken: "x" } },
	{
		name: "authz-http",
		envoyExtAuthzHttp: {
			...at,
			timeout: "1s",
			pathPrefix: "/check",
			failOpen: true,
			statusOnError: "503",
			includeRequestHeadersInCheck: ["x-a", "x-b*"],
			includeAdditionalHeadersInCheck: { k: "v" },
			includeRequestBodyInCheck: body,
			headersToUpstreamOnAllow: ["x-*"],
			headersToDownstreamOnDeny: ["*x"],
			headersToDownstreamOnAllow: ["a"],
			clearRouteCache: true,
		},
	},
	{ name: "authz-grpc", envoyExtAuthzGrpc: { ...at, timeout: "1s", failOpen: true, includeRequestBodyInCheck: body } },
	{ name: "prometheus", prometheus: {} },
];

/** A rule that makes the workload `app: <provider>` use it; empty where there is none. */
export function ruleFor({ name }: JsonObject): string {
	const app = String(name);
	const selector = `selector: { matchLabels: { app: ${app} } }`;
	const head = (kind: string, group: string) =>
		`---\napiVersion: ${group}/v1\nkind: ${kind}\nmetadata: { name: ${app}, namespace: default }\n`;
	if (app.startsWith("authz"))
		return `${head("AuthorizationPolicy", "security.istio.io")}spec: { ${selector}, action: CUSTOM, provider: { name: ${app} }, rules: [{ to: [{ operation: { paths: ["/a*"] } }] }] }\n`;
	if (app === "prometheus") return "";
	const providers = `providers: [{ name: ${app} }]`;
	const use = /als|file/.test(app)
		? `accessLogging: [{ ${providers}, filter: { expression: 'response.code >= 400' } }]`
		: `tracing: [{ ${providers}, randomSamplingPercentage: 10, customTags: { a: { header: { name: x, defaultValue: d } }, b: { environment: { name: X } } } }]`;
	return `${head("Telemetry", "telemetry.istio.io")}spec: { ${selector}, ${use} }\n`;
}

const PROXY_CONFIG: JsonObject = {
	gatewayTopology: { numTrustedProxies: 2, forwardClientCertDetails: "APPEND_FORWARD", proxyProtocol: {} },
	proxyHeaders: {
		forwardedClientCert: "SANITIZE",
		requestId: { disabled: true },
		server: { value: "mine" },
		attemptCount: { disabled: true },
		envoyDebugHeaders: { disabled: true },
		metadataExchangeHeaders: { mode: "IN_MESH" },
		setCurrentClientCertDetails: { cert: true, chain: true },
		xForwardedHost: { enabled: true },
		xForwardedPort: { enabled: true },
	},
	tracing: { sampling: 50, maxPathTagLength: 20, customTags: { a: { literal: { value: "b" } } } },
};

/** A mesh, and how its proxies describe themselves. */
export interface MeshVariant {
	readonly name: string;
	readonly meshConfig: JsonObject;
	readonly metadata: JsonObject;
}

export const VARIANTS: readonly MeshVariant[] = [
	{ name: "as it comes", meshConfig: {}, metadata: {} },
	{
		name: "every option",
		meshConfig: {
			accessLogFile: "/dev/stdout",
			accessLogEncoding: "JSON",
			accessLogFormat: '{"a":"%REQ(:METHOD)%"}',
			enableTracing: true,
			outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
			meshMTLS: { minProtocolVersion: "TLSV1_3" },
			tlsDefaults: { ecdhCurves: ["P-256"], cipherSuites: ["ECDHE-RSA-AES128-GCM-SHA256"] },
			pathNormalization: { normalization: "DECODE_AND_MERGE_SLASHES" },
			tcpKeepalive: { time: "10s", interval: "5s", probes: 3 },
			connectTimeout: "3s",
			protocolDetectionTimeout: "5s",
			inboundClusterStatName: "%SERVICE%_%SERVICE_PORT%",
			outboundClusterStatName: "%SERVICE_FQDN%_%SUBSET_NAME%",
			proxyHttpPort: 15007,
			proxyInboundListenPort: 15016,
			verifyCertificateAtClient: true,
			defaultHttpRetryPolicy: { attempts: 0 },
			localityLbSetting: { enabled: true },
			defaultConfig: PROXY_CONFIG,
		},
		metadata: { PROXY_CONFIG, HTTP10: "1", IDLE_TIMEOUT: "5s", DNS_CAPTURE: "true", STATS_COMPRESSION: "gzip" },
	},
	{ name: "without redirection", meshConfig: {}, metadata: { INTERCEPTION_MODE: "NONE" } },
	{ name: "with two addresses", meshConfig: {}, metadata: { INSTANCE_IPS: "10.9.0.7,fd00::7" } },
];
