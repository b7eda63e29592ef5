import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { ProblemError } from "../../../lib/problem.ts";
import { StatefulSessionSchema } from "../../../xds/generated/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { statefulSessionFilter } from "./stateful-session.ts";

const NAME = "envoy.filters.http.stateful_session";
const HOST = "127.0.0.1:9080";
const state = (kind: "cookie" | "header", more: JsonObject): JsonObject => ({
	name: kind,
	typed_config: {
		"@type": `type.googleapis.com/envoy.extensions.http.stateful_session.${kind}.v3.${kind === "cookie" ? "Cookie" : "Header"}BasedSessionState`,
		...more,
	},
});
const cookie = (more: JsonObject = {}) => state("cookie", { cookie: { name: "sid", ...more } });
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
/** The message of Envoy's cookie, by hand: field 1 the address, field 2 the expiry. */
const session = (address: string, expires?: number) =>
	base64(
		`\n${String.fromCharCode(address.length)}${address}${expires === undefined ? "" : `\x10${String.fromCharCode(expires)}`}`,
	);

function setUp(config: JsonObject, perRoute?: JsonObject) {
	const deps = testDeps();
	const factory = statefulSessionFilter(deps);
	const message = fromJson(StatefulSessionSchema, { stat_prefix: "s", ...config }, { registry: xdsRegistry() });
	const parsed = factory.parse(message, "f", NAME);
	const override = perRoute && { "@type": factory.routeTypeUrl!, ...perRoute };
	return {
		deps,
		call(headers: Record<string, string>, { path = "/", host = HOST, gone = false } = {}) {
			const filter = parsed.create();
			const stream = new TestStream(testRequest(path, headers), routeWith(NAME, override, factory));
			filter.decodeHeaders!(stream, true);
			stream.info.upstreamHost = gone ? undefined : host;
			if (gone) stream.info.responseFlags.add("UH");
			return { stream, response: stream.encodeWith(filter) };
		},
	};
}

describe("sessions by cookie", () => {
	test("a new client gets one, an old one is sent where it was", () => {
		const { call, deps } = setUp({ session_state: cookie({ path: "/p" }) });
		const fresh = call({}, { path: "/p/x" });
		assert.equal(fresh.stream.override, undefined);
		assert.equal(fresh.response.headers.get("set-cookie"), `sid="${session(HOST)}"; Path=/p; HttpOnly`);
		const known = call({ cookie: `a=b; sid="${session(HOST)}"` }, { path: "/p" });
		assert.deepEqual(known.stream.override, { address: HOST, strict: false });
		assert.equal(known.response.headers.get("set-cookie"), undefined);
		assert.equal(deps.count("stateful_session.s.routed"), 1);
	});

	test("paths that the cookie does not cover have no session", () => {
		const { call, deps } = setUp({ session_state: cookie({ path: "/p" }) });
		for (const path of ["/", "/px", "/q"]) assert.equal(call({}, { path }).response.headers.size, 0);
		assert.equal(deps.count("stateful_session.s.no_session"), 3);
	});

	test("an expired cookie, and what is no cookie of ours, count as none", () => {
		const { call, deps } = setUp({ session_state: cookie({ ttl: "60s" }) });
		deps.clock.advance(10_000);
		const asked = (value: string) => call({ cookie: `sid=${value}` }).stream.override?.address;
		assert.equal(asked(session(HOST, 9)), undefined);
		assert.equal(asked(session(HOST, 11)), HOST);
		assert.equal(asked(base64(HOST)), HOST);
		assert.equal(asked("***"), undefined);
		const set = call({}).response.headers.get("set-cookie")!;
		assert.equal(set, `sid="${session(HOST, 70)}"; Max-Age=60; HttpOnly`);
	});

	test("a client whose endpoint is gone gets another one", () => {
		const { call, deps } = setUp({ session_state: cookie() });
		const { response } = call({ cookie: `sid=${session("127.0.0.9:1")}` });
		assert.match(response.headers.get("set-cookie")!, new RegExp(session(HOST)));
		assert.equal(deps.count("stateful_session.s.failed_open"), 1);
	});
});

test("sessions by header hold the address in base64", () => {
	const { call } = setUp({ session_state: state("header", { name: "X-Session" }), strict: true });
	assert.equal(call({}).response.headers.get("x-session"), base64(HOST));
	const { stream, response } = call({ "x-session": base64(HOST) });
	assert.deepEqual(stream.override, { address: HOST, strict: true });
	assert.equal(response.headers.has("x-session"), false);
});

test("a strict session whose endpoint is gone ends with the configured status", () => {
	const { call, deps } = setUp({
		session_state: state("header", { name: "x-session" }),
		strict: true,
		status_on_strict_destination_not_found: 410,
	});
	const { response } = call({ "x-session": base64("127.0.0.9:1") }, { gone: true });
	assert.equal(response.status, 410);
	assert.equal(deps.count("stateful_session.s.failed_closed"), 1);
});

test("a route turns sessions off or has its own", () => {
	const config = { session_state: state("header", { name: "x-session" }) };
	assert.equal(setUp(config, { disabled: true }).call({}).response.headers.size, 0);
	const other = setUp(config, { stateful_session: { session_state: state("header", { name: "x-other" }) } });
	assert.deepEqual(other.call({}).response.headers.names, ["x-other"]);
});

test("what is wrong is told with its path", () => {
	assert.throws(
		() => setUp({ session_state: cookie({ name: "", ttl: "-1s" }) }),
		(error: unknown) => {
			const at = "f.session_state.typed_config.cookie.";
			assert.deepEqual(
				(error as ProblemError).problems.map(({ path }) => path),
				[`${at}name`, `${at}ttl`],
			);
			return true;
		},
	);
});
