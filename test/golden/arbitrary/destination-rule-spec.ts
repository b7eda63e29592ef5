import fc, { type Arbitrary } from "fast-check";
import { duration, some } from "./members.ts";

const count = fc.constantFrom(0, 1, 7, 2_147_483_647);

const hashKey: Arbitrary<Record<string, unknown>> = fc.oneof(
	fc.constant({ httpHeaderName: "x-user" }),
	fc.constant({ httpQueryParameterName: "user" }),
	fc.constant({ useSourceIp: true }),
	fc
		.record(
			{
				name: fc.constant("session"),
				path: fc.constant("/"),
				ttl: fc.constantFrom("0s", "1h"),
				attributes: fc.constant([{ name: "SameSite", value: "Strict" }, { name: "Secure" }]),
			},
			{ requiredKeys: ["name"] },
		)
		.map((httpCookie) => ({ httpCookie })),
);
const hashAlgorithm: Arbitrary<Record<string, unknown>> = fc.oneof(
	fc.constant({}),
	fc.constantFrom(1, 1024, 10_000_000).map((minimumRingSize) => ({ ringHash: { minimumRingSize } })),
	fc.constantFrom(3, 65_537, 1009).map((tableSize) => ({ maglev: { tableSize } })),
	fc.constantFrom(1, 99_999_999).map((minimumRingSize) => ({ minimumRingSize })),
);
const loadBalancer = fc
	.record(
		{
			simple: fc.constantFrom("UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN", "PASSTHROUGH"),
			warmup: fc.record(
				{ duration, minimumPercent: fc.constantFrom(0, 10, 100), aggression: fc.constantFrom(0.1, 1, 3) },
				{ requiredKeys: ["duration"] },
			),
			warmupDurationSecs: duration,
			consistentHash: fc.tuple(hashKey, hashAlgorithm).map(([key, algorithm]) => ({ ...key, ...algorithm })),
			localityLbSetting: fc.oneof(
				some({ enabled: fc.boolean(), failover: fc.constant([{ from: "a", to: "b" }]) }),
				some({ distribute: fc.constant([{ from: "region/*", to: { "region/zone": 100 } }]) }),
			),
		},
		{ requiredKeys: [] },
	)
	.map(({ simple, consistentHash, warmup, warmupDurationSecs, ...more }) => ({
		...(consistentHash ? { consistentHash } : { simple }),
		...(warmup ? { warmup } : { warmupDurationSecs }),
		...more,
	}));

const connectionPool = some({
	tcp: some({
		maxConnections: count,
		connectTimeout: duration,
		tcpKeepalive: some({ probes: count, time: duration, interval: duration }),
		maxConnectionDuration: duration,
		idleTimeout: fc.oneof(duration, fc.constant("0s")),
	}),
	http: some({
		http1MaxPendingRequests: count,
		http2MaxRequests: count,
		maxRequestsPerConnection: count,
		maxRetries: count,
		idleTimeout: fc.oneof(duration, fc.constant("0s")),
		h2UpgradePolicy: fc.constantFrom("DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"),
		useClientProtocol: fc.boolean(),
		maxConcurrentStreams: count,
		http2KeepAlive: fc.constant({ interval: "1s", timeout: "1s" }),
	}),
});

const percent = fc.constantFrom(0, 1, 50, 100);
const outlierDetection = some({
	consecutiveErrors: count,
	consecutive5xxErrors: count,
	consecutiveGatewayErrors: count,
	interval: duration,
	baseEjectionTime: duration,
	maxEjectionPercent: percent,
	minHealthPercent: percent,
	splitExternalLocalOriginErrors: fc.boolean(),
	consecutiveLocalOriginFailures: count,
}).map((settings) =>
	settings.consecutiveLocalOriginFailures === undefined
		? settings
		: { ...settings, splitExternalLocalOriginErrors: true },
);

const blocks = {
	loadBalancer,
	connectionPool,
	outlierDetection,
	tls: fc.record({ mode: fc.constantFrom("DISABLE", "ISTIO_MUTUAL") }),
};
const trafficPolicy = some({
	...blocks,
	retryBudget: some({ percent: fc.constantFrom(0, 20.5), minRetryConcurrency: count }),
	portLevelSettings: fc.array(
		fc.record({ port: fc.constant({ number: 9080 }), ...blocks }, { requiredKeys: ["port"] }),
		{ maxLength: 1 },
	),
});

/** Specs of DestinationRules with every member that a policy has; some of them are wrong. */
export const destinationRuleSpec: Arbitrary<unknown> = fc.record(
	{
		host: fc.constantFrom("reviews", "*.default.svc.cluster.local", "*"),
		trafficPolicy,
		subsets: fc.array(
			fc.record(
				{ name: fc.constantFrom("v1", "v2"), labels: fc.constant({ version: "v1" }), trafficPolicy },
				{ requiredKeys: ["name"] },
			),
			{ maxLength: 2 },
		),
	},
	{ requiredKeys: ["host"] },
);
