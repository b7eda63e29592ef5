import type { JsonObject } from "@bufbuild/protobuf";
import { seededRandom } from "../../../src/lib/random.ts";
import { cluster, httpListener } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

/** `LATEEN_SEEDS=100` for a long run; the seed of a failure is in its scene's name, and `LATEEN_SEED` plays it again. */
const { LATEEN_SEEDS: howMany = "2", LATEEN_SEED: one } = process.env;
const SEEDS = one === undefined ? Array.from({ length: Number(howMany) }, (_, i) => i + 1) : [Number(one)];
const ROUTES = 12;
const REQUESTS = 30;

const ACTIONS = ["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"];
const NAMES = ["x-a", "x-b", "X-C", "x-d"];
const FORMATS = [
	...["one", "two words", "%PROTOCOL%", "%REQ(x-a)%", "%REQ(x-b?x-c)%", "%REQ(:PATH):3%", "a%%b", "%REQ(nope)%"],
	...["%ROUTE_NAME%", "<%REQ(x-a)%|%REQ(x-b)%>", "%UPSTREAM_CLUSTER%", "%PATH(NQ:ORIG)%", "%QUERY_PARAM(q)%"],
];
const REGEXES = ["/", "[a-c]+", "^/([^/]*)/?", "\\d", "(.)(.)", "x*", "$"];
const SUBSTITUTIONS = ["", "-", "<\\0>", "/n\\0", "\\\\"];
const CONDITIONS = [
	...[
		"5xx",
		"gateway-error",
		"reset",
		"connect-failure",
		"retriable-4xx",
		"retriable-status-codes",
		"retriable-headers",
	],
	...["5xx,retriable-4xx", "gateway-error,reset", "cancelled,unavailable", "reset-before-request", "envoy-ratelimited"],
];

/** Draws configurations and requests that both proxies must take. */
class Draw {
	readonly #random: ReturnType<typeof seededRandom>;

	constructor(seed: number) {
		this.#random = seededRandom(seed);
	}

	pick<T>(from: readonly T[]): T {
		return from[this.#random.below(from.length)]!;
	}

	oneIn(n: number): boolean {
		return this.#random.below(n) === 0;
	}

	list<T>(max: number, make: () => T): T[] {
		return Array.from({ length: this.#random.below(max + 1) }, make);
	}

	additions(): JsonObject[] {
		return this.list(3, () => ({
			header: { key: this.pick(NAMES), value: this.pick(FORMATS) },
			append_action: this.pick(ACTIONS),
			keep_empty_value: this.oneIn(2),
		}));
	}

	headerOperations(): JsonObject {
		return {
			request_headers_to_add: this.additions(),
			request_headers_to_remove: this.list(1, () => this.pick(NAMES)),
			response_headers_to_add: this.additions(),
			response_headers_to_remove: this.list(1, () => this.pick(NAMES)),
		};
	}

	rewrite(id: number): JsonObject {
		const regex = () => ({
			pattern: { regex: this.pick(REGEXES) },
			substitution: this.pick(SUBSTITUTIONS.slice(0, 4)),
		});
		return this.pick<JsonObject>([
			{},
			{ prefix_rewrite: "/" },
			{ prefix_rewrite: `/new${id}` },
			{ regex_rewrite: regex() },
			{ host_rewrite_literal: "h.test" },
			{ host_rewrite_header: "x-a" },
			{ host_rewrite_path_regex: regex(), append_x_forwarded_host: true },
		]);
	}

	retryPolicy(): JsonObject {
		if (this.oneIn(3)) return {};
		return {
			retry_policy: {
				retry_on: this.pick(CONDITIONS),
				num_retries: this.#random.below(4),
				retriable_status_codes: [418, 503].slice(this.#random.below(2)),
				retriable_headers: [{ name: "x-again", present_match: true }],
				retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
			},
		};
	}

	route(id: number): JsonObject {
		const match = this.pick<JsonObject>([
			{ prefix: `/r${id}` },
			{ path_separated_prefix: `/r${id}` },
			{ prefix: `/R${id}`, case_sensitive: false },
			{ safe_regex: { regex: `/r${id}.*` } },
		]);
		const action = { ...this.rewrite(id), ...this.retryPolicy() };
		const single = { cluster: "echo", ...action };
		const weighted = {
			weighted_clusters: { clusters: [{ name: "echo", weight: 1, ...this.headerOperations() }] },
			...action,
		};
		return { name: `route-${id}`, match, route: this.oneIn(3) ? weighted : single, ...this.headerOperations() };
	}

	answers(): Answer[] {
		return this.list(4, () =>
			this.pick<Answer>([
				{ status: 503 },
				{ status: 500 },
				{ status: 502 },
				{ status: 409 },
				{ status: 418 },
				{ status: 404 },
				{ raw: "", finish: "close" },
				{ raw: "", finish: "reset" },
				{ headers: { "x-again": "1" } },
				{ status: 503, headers: { "x-envoy-ratelimited": "true" } },
				{ headers: { "grpc-status": this.pick(["0", "1", "14"]) } },
				{ headers: [...this.fields(), ["x-a", "up"]], body: "fine" },
			]),
		);
	}

	fields(): (readonly [string, string])[] {
		return this.list(4, () => [this.pick(NAMES), this.pick(["1", "two", "", "a,b"])] as const);
	}

	case(index: number): Case {
		const id = this.#random.below(ROUTES);
		const path = `/${this.pick(["r", "r", "R"])}${id}${this.pick(["", "/", "/a", "/abc/12", "x", "//"])}`;
		const query = this.pick(["", "", "?q=1", "?a&q=x/y"]);
		const body = this.oneIn(4) ? { method: "POST", body: "body", chunked: this.oneIn(2) } : {};
		return {
			name: `request ${index}`,
			send: { path: path + query, headers: this.fields(), ...body },
			answers: { echo: this.answers() },
			counters: [
				"upstream_rq_retry",
				"upstream_rq_total",
				"upstream_rq_retry_success",
				"upstream_rq_retry_limit_exceeded",
			].map((name) => `cluster.echo.${name}`),
		};
	}
}

for (const seed of SEEDS) {
	const draw = new Draw(seed);
	const routes = Array.from({ length: ROUTES }, (_, id) => draw.route(id));
	const levels = [draw.headerOperations(), draw.headerOperations()] as const;
	const mostSpecific = draw.oneIn(2);
	scene(`generated, seed ${seed}`, {
		upstreams: { echo: http1() },
		bootstrap: (at) => ({
			static_resources: {
				listeners: [
					httpListener({
						virtualHosts: [{ name: "all", domains: ["*"], routes, ...levels[0] }],
						routeConfig: { ...levels[1], most_specific_header_mutations_wins: mostSpecific },
					}),
				],
				clusters: [cluster("echo", [at.port("echo")], { circuit_breakers: { thresholds: [{ max_retries: 10 }] } })],
			},
		}),
		cases: Array.from({ length: REQUESTS }, (_, i) => draw.case(i)),
	});
}
