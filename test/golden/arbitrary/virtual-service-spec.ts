import fc, { type Arbitrary } from "fast-check";
import { duration, headerName, percentage, regex, some, text } from "./members.ts";

const path = fc.constantFrom("/", "/a", "/a/", "/A%20b", "/ü", "");
const stringMatch: Arbitrary<unknown> = fc.oneof(
	text.map((exact) => ({ exact })),
	text.map((prefix) => ({ prefix })),
	regex.map((r) => ({ regex: r })),
	fc.constant({}),
);
const uriMatch: Arbitrary<unknown> = fc.oneof(
	path.map((exact) => ({ exact })),
	path.map((prefix) => ({ prefix })),
	regex.map((r) => ({ regex: r })),
);
const headerTests = fc.dictionary(headerName, stringMatch, { maxKeys: 2 });

const match = some({
	name: fc.constant("m"),
	uri: uriMatch,
	ignoreUriCase: fc.boolean(),
	scheme: stringMatch,
	method: stringMatch,
	authority: stringMatch,
	headers: headerTests,
	withoutHeaders: headerTests,
	queryParams: fc.dictionary(fc.constantFrom("q", "r"), stringMatch, { maxKeys: 2 }),
	port: fc.constantFrom(0, 80, 9080),
	sourceLabels: fc.constantFrom({}, { app: "productpage" }),
	sourceNamespace: fc.constantFrom("default", "other"),
	statPrefix: fc.constantFrom("stats", "with space", "a.b:c"),
});

const mutations = some({
	set: fc.dictionary(headerName, text, { maxKeys: 2 }),
	add: fc.dictionary(headerName, text, { maxKeys: 2 }),
	remove: fc.array(headerName, { maxLength: 2 }),
});
const headers = some({ request: mutations, response: mutations });

const destination = fc.record(
	{
		host: fc.constantFrom("reviews", "ratings", "elsewhere.com", "reviews.default.svc.cluster.local"),
		subset: fc.constantFrom("v1", "nowhere"),
		port: fc.constantFrom({ number: 9080 }, { number: 1 }),
	},
	{ requiredKeys: ["host"] },
);
const share = fc.record({ destination, weight: fc.integer({ min: 0, max: 100 }), headers }, { requiredKeys: ["destination"] });

const RETRY_WORDS = [
	"5xx",
	"gateway-error",
	"reset",
	"reset-before-request",
	"connect-failure",
	"envoy-ratelimited",
	"retriable-4xx",
	"refused-stream",
	"retriable-status-codes",
	"retriable-headers",
	"http3-post-connect-failure",
	"cancelled",
	"deadline-exceeded",
	"internal",
	"resource-exhausted",
	"unavailable",
	"503",
	"429",
];
const retrying = some({
	attempts: fc.integer({ min: 1, max: 5 }),
	perTryTimeout: duration,
	retryOn: fc.subarray(RETRY_WORDS, { minLength: 1, maxLength: 4 }).map((words) => words.join(",")),
	retryRemoteLocalities: fc.boolean(),
	retryIgnorePreviousHosts: fc.boolean(),
	backoff: duration,
});
const retries = fc.oneof(retrying, fc.constant({ attempts: 0 }));

const fault = some({
	delay: fc.record({ fixedDelay: duration, percentage }, { requiredKeys: ["fixedDelay"] }),
	abort: fc.oneof(
		fc.record({ httpStatus: fc.integer({ min: 200, max: 599 }), percentage }),
		fc.record({ grpcStatus: fc.constantFrom("UNAVAILABLE", "NOT_FOUND"), percentage }),
	),
});

const cors = some({
	allowOrigins: fc.array(fc.constantFrom({ exact: "*" }, { prefix: "http://a" }, { regex: ".*" }), { maxLength: 2 }),
	allowMethods: fc.subarray(["GET", "POST", "*"]),
	allowHeaders: fc.subarray(["x-a", "*"]),
	exposeHeaders: fc.subarray(["x-b"]),
	maxAge: fc.constantFrom("24h", "10s"),
	allowCredentials: fc.boolean(),
	unmatchedPreflights: fc.constantFrom("UNSPECIFIED", "FORWARD", "IGNORE"),
});

const authority = fc.constantFrom("other.com", "other.com:80");
const rewrite = fc.oneof(
	fc.record({ uri: path, authority }, { requiredKeys: ["authority"] }),
	fc.record(
		{ authority, uriRegexRewrite: fc.record({ match: regex, rewrite: fc.constantFrom("/b", "\\0/x", "\\\\") }) },
		{ requiredKeys: ["uriRegexRewrite"] },
	),
);

const redirect = some({
	uri: path,
	authority: fc.constantFrom("other.com", ""),
	port: fc.constantFrom(8080, 80),
	scheme: fc.constantFrom("http", "https"),
	redirectCode: fc.constantFrom(301, 302, 303, 304, 307, 308),
});

const directResponse = fc.record(
	{
		status: fc.integer({ min: 200, max: 599 }),
		body: fc.oneof(
			text.map((string) => ({ string })),
			fc.constant({ bytes: "aGVsbG8=" }),
		),
	},
	{ requiredKeys: ["status"] },
);

const common = { name: fc.constant("rule"), match: fc.array(match, { maxLength: 3 }), headers, corsPolicy: cors };
const forwarding = fc.record(
	{
		...common,
		route: fc.array(share, { minLength: 1, maxLength: 3 }),
		rewrite,
		timeout: duration,
		retries,
		fault,
		mirrors: fc.array(fc.record({ destination, percentage }), { maxLength: 2 }),
	},
	{ requiredKeys: ["route"] },
);
const mirroring = fc.record({ route: fc.array(share, { minLength: 1, maxLength: 1 }), mirror: destination, mirrorPercentage: percentage });
const redirecting = fc.record({ ...common, redirect }, { requiredKeys: ["redirect"] });
const answering = fc.record({ ...common, directResponse }, { requiredKeys: ["directResponse"] });

/** Specs of VirtualServices with every member that HTTP rules have; some of them are wrong. */
export const virtualServiceSpec: Arbitrary<unknown> = fc.record({
	hosts: fc.constantFrom(["reviews"], ["elsewhere.com"], ["*.default.svc.cluster.local"], ["reviews", "ratings"]),
	http: fc.array(
		fc.oneof({ weight: 4, arbitrary: forwarding }, { weight: 1, arbitrary: fc.oneof(mirroring, redirecting, answering) }),
		{ minLength: 1, maxLength: 2 },
	),
});
