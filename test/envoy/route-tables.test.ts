import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Random, seededRandom } from "../../src/lib/random.ts";
import type { RequestHead } from "../../src/proxy/http/message.ts";
import { matchOf, tableOf, testInfo, testRequest } from "../../src/proxy/router/route-fixture.ts";
import type { RouteTable } from "../../src/proxy/router/route-match.ts";
import { findEnvoy, startEnvoy } from "../support/envoy.ts";
import { eventually } from "../support/eventually.ts";

/** `LATEEN_SEEDS=100` for a long run, `LATEEN_SEED=7` for one of them. */
const { LATEEN_SEEDS: howMany = "3", LATEEN_SEED: one } = process.env;
const SEEDS = one === undefined ? Array.from({ length: Number(howMany) }, (_, i) => i + 1) : [Number(one)];
const REQUESTS = 500;
const SEGMENTS = ["a", "b", "A", "ab", "v1", "v2", "x.y", ""];
const REGEXES = ["/a.*", ".*/b", "/(a|b)/.*", "/[ab]+", "(?i)/A.*", "/v[0-9]+/.*", ".+", "/a|/b", ".*x\\.y.*", "/ab/?"];
const COOKIE = "^(.*?;)?(user=jason)(;.*)?$";
const DOMAINS = ["a.com", "*.com", "*.a.com", "a.*", "b-*", "*-b.a.com", "A.B.com", "a.b.*", "*"];
const HOSTS = [
	"a.com",
	"A.COM",
	"b.com",
	"x.a.com",
	"x-b.a.com",
	"-b.a.com",
	"a.b.com",
	"a.b.org",
	"b-1",
	"zzz",
	"a.com:80",
	"b-x:1",
	".com",
];

/** Draws configurations and requests that meet often enough to tell the two routers apart. */
class Draw {
	readonly random: Random;

	constructor(random: Random) {
		this.random = random;
	}

	pick<T>(options: readonly T[]): T {
		return options[this.random.below(options.length)]!;
	}

	oneIn(n: number): boolean {
		return this.random.below(n) === 0;
	}

	list<T>(max: number, item: () => T): T[] {
		return Array.from({ length: this.random.below(max + 1) }, item);
	}

	path(): string {
		return `/${this.list(3, () => this.pick(SEGMENTS)).join("/")}`;
	}

	textMatcher(): JsonObject {
		return this.pick<JsonObject>([
			{ exact: this.pick(["1", "u1", ""]) },
			{ exact: "U1", ignore_case: true },
			{ prefix: "u" },
			{ suffix: "1" },
			{ contains: "u" },
			{ safe_regex: { regex: this.pick(["u[0-9]", ".*", "1|2", "u1.*"]) } },
		]);
	}

	headerMatcher(): JsonObject {
		const name = this.pick(["x-user", "x-b", ":method", "cookie", "host"]);
		const test = this.pick<JsonObject>([
			{},
			{ present_match: this.oneIn(2) },
			{ string_match: this.textMatcher() },
			{ range_match: { start: "-1", end: "5" } },
			{ exact_match: "1" },
			{ string_match: { safe_regex: { regex: COOKIE } } },
		]);
		return { name, ...test, invert_match: this.oneIn(3), treat_missing_header_as_empty: this.oneIn(3) };
	}

	queryMatcher(): JsonObject {
		const test = this.pick<JsonObject>([{}, { present_match: this.oneIn(2) }, { string_match: this.textMatcher() }]);
		return { name: this.pick(["q", "k"]), ...test };
	}

	match(): JsonObject {
		const path = this.pick<JsonObject>([
			{ path: this.path() },
			{ prefix: this.path() },
			{ path_separated_prefix: this.pick(["/a", "/a/b", "/ab", "/v1", "/x.y/a"]) },
			{ safe_regex: { regex: this.pick(REGEXES) } },
		]);
		return {
			...path,
			...(this.oneIn(4) && !path.safe_regex && { case_sensitive: false }),
			headers: this.oneIn(2) ? this.list(2, () => this.headerMatcher()) : [],
			query_parameters: this.oneIn(3) ? [this.queryMatcher()] : [],
		};
	}

	/** A prefix rewrite keeps what is behind the prefix, so it meets every kind of path condition. */
	redirect(id: number): JsonObject {
		const path = this.pick<JsonObject>([
			{},
			{ path_redirect: `/r${id}` },
			{ path_redirect: `/r${id}?x=1` },
			{ prefix_rewrite: `/r${id}` },
			{ regex_rewrite: { pattern: { regex: this.pick(["[ab]+", "/", "^/([^/]*)", "x*"]) }, substitution: "<\\0>" } },
		]);
		const scheme = this.pick<JsonObject>([{}, { https_redirect: true }, { scheme_redirect: "https" }]);
		const host = this.pick<JsonObject>([{}, { host_redirect: `h${id}.example` }, { port_redirect: 8443 }]);
		return {
			...path,
			...scheme,
			...host,
			strip_query: this.oneIn(3),
			response_code: this.pick(["FOUND", "SEE_OTHER"]),
		};
	}

	route(id: number): JsonObject {
		const match = this.match();
		if (this.oneIn(3)) return { match, redirect: this.redirect(id) };
		return { match, direct_response: { status: 200, body: { inline_string: `r${id}` } } };
	}

	configuration(): JsonObject {
		let id = 0;
		const domains = [...DOMAINS];
		const virtualHosts = ["h0", "h1", "h2", "h3"].map((name) => ({
			name,
			domains: [0, 1].map(() => domains.splice(this.random.below(domains.length), 1)[0]!),
			routes: Array.from({ length: 4 + this.random.below(25) }, () => this.route(id++)),
		}));
		return { name: "random", ignore_port_in_host_matching: this.oneIn(2), virtual_hosts: virtualHosts };
	}

	request(): RequestHead {
		const headers: Record<string, string> = {};
		if (this.oneIn(2)) headers["x-user"] = this.pick(["1", "u1", "u12", "", "3", "-1", "U1"]);
		if (this.oneIn(3)) headers["x-b"] = this.pick(["1", "9", "u"]);
		if (this.oneIn(3)) headers.cookie = this.pick(["user=jason", "a=b; user=jason", "a=b;user=jason;c", "x"]);
		const query = this.pick(["", "", "?q=1", "?q=u1&k", "?k=1&k=2", "?q"]);
		const authority = this.pick(HOSTS);
		return testRequest(this.path() + query, headers, { authority, method: this.pick(["GET", "GET", "POST"]) });
	}
}

/** Status, body and location: what tells which route was taken, and what it made of the request. */
type Answer = readonly [status: number, body: string, location: string | undefined];

function ours(table: RouteTable, request: RequestHead): Answer {
	const action = matchOf(table, request)?.action;
	if (action?.kind !== "reply") return [404, "", undefined];
	const reply = action.reply(request, testInfo());
	return [reply.status, reply.body, reply.headers?.find(([name]) => name === "location")?.[1]];
}

function theirs(agent: http.Agent, { method, path, authority, headers }: RequestHead): Promise<Answer> {
	const fields = Object.fromEntries(headers.names.map((name, i) => [name, headers.values[i]!]));
	return new Promise((resolve, reject) => {
		const options = { agent, host: ADDRESS, port: PORT, method, path, headers: { ...fields, host: authority } };
		http
			.request(options, (response) => {
				let body = "";
				response.setEncoding("utf8").on("data", (chunk: string) => {
					body += chunk;
				});
				response.on("end", () => resolve([response.statusCode ?? 0, body, response.headers.location]));
			})
			.on("error", reject)
			.end();
	});
}

/** An address of this process alone, so that the port can be a fixed one. */
const ADDRESS = `127.66.${(process.pid >> 8) % 256}.${1 + (process.pid % 250)}`;
const PORT = 18_080;

function bootstrapOf(routeConfig: JsonObject): JsonObject {
	const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.filters.${name}` });
	const hcm = {
		...type("network.http_connection_manager.v3.HttpConnectionManager"),
		stat_prefix: "random",
		route_config: routeConfig,
		http_filters: [{ name: "envoy.filters.http.router", typed_config: type("http.router.v3.Router") }],
	};
	const listener = {
		name: "random",
		address: { socket_address: { address: ADDRESS, port_value: PORT } },
		filter_chains: [{ filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: hcm }] }],
	};
	return { static_resources: { listeners: [listener] } };
}

const envoy = await findEnvoy();
const skip = "skip" in envoy ? envoy.skip : false;

for (const seed of SEEDS) {
	test(`random route tables answer as real Envoy's do (seed ${seed})`, { skip }, async () => {
		assert.ok("path" in envoy);
		const draw = new Draw(seededRandom(seed));
		const config = draw.configuration();
		const table = tableOf(config);
		const running = await startEnvoy({ path: envoy.path, bootstrap: bootstrapOf(config), logLevel: "error" });
		const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
		try {
			await eventually("Envoy's listener", () =>
				theirs(agent, draw.request()).then(
					() => true,
					() => false,
				),
			);
			let matched = 0;
			for (let i = 0; i < REQUESTS; i++) {
				const request = draw.request();
				const expected = await theirs(agent, request);
				assert.deepEqual(ours(table, request), expected, JSON.stringify(request));
				if (expected[0] !== 404) matched++;
			}
			assert.ok(matched > REQUESTS / 4, `only ${matched} requests matched a route`);
		} finally {
			agent.destroy();
			await running.stop();
		}
	});
}
