import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, fromBinary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { ManualClock } from "../../lib/clock.ts";
import { ProblemError } from "../../lib/problem.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { formatPrometheus } from "../../telemetry/prometheus-text.ts";
import { CheckRequestSchema, CheckResponseSchema } from "../../xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { HeaderMap } from "../http/header-map.ts";
import { plainConnection } from "../http/info/connection-info.ts";
import { ConnectionRecord } from "./connection-record.ts";
import { FilterRun } from "./filter-run.ts";
import { networkFilterFactories } from "./network-filters.ts";
import { networkFilterDeps } from "./network-fixture.ts";

const TYPES = "envoy.extensions.filters.network";

class FakeSocket {
	readonly remoteAddress = "192.0.2.1";
	readableLength = 0;
	ended: "no" | "destroyed" | "reset" = "no";
	readonly #onClose: (() => void)[] = [];

	once(_event: "close", task: () => void): void {
		this.#onClose.push(task);
	}

	destroy(): void {
		this.#end("destroyed");
	}

	resetAndDestroy(): void {
		this.#end("reset");
	}

	#end(how: "destroyed" | "reset"): void {
		this.ended = how;
		for (const task of this.#onClose.splice(0)) task();
	}
}

function setUp() {
	const clock = new ManualClock();
	const metrics = new MetricRegistry();
	const deps = networkFilterDeps(clock, metrics);
	const { sideCalls, warnings } = deps;
	const factories = networkFilterFactories({
		...deps,
		clusters: new Map([
			["c", new FakeCluster("c", [9], { metadata: { istio: { services: [{ host: "s.ns.svc", name: "s" }] } } })],
		]),
	});
	const parse = (type: string, value: JsonObject = {}) => {
		const desc: DescMessage = xdsRegistry().getMessage(type)!;
		const message = fromJson(desc, value, { registry: xdsRegistry() });
		const factory = factories.find(({ typeUrl }) => typeUrl.endsWith(`/${type}`))!;
		return factory.parse(
			{ $typeName: "google.protobuf.Any", typeUrl: factory.typeUrl, value: toBinary(desc, message) },
			"f",
			"f",
			"outbound",
		);
	};
	const connect = (filters: readonly ReturnType<typeof parse>[], sni?: string) => {
		const socket = new FakeSocket();
		const connection = plainConnection({
			remoteAddress: "192.0.2.1",
			remotePort: 1,
			localAddress: "10.0.0.1",
			localPort: 80,
		});
		connection.requestedServerName = sni;
		const info = new ConnectionRecord(connection, 0, 0);
		let admitted = false;
		const run = new FilterRun({ socket: socket as never, connection, info }, filters, () => {
			admitted = true;
		});
		run.start();
		return { socket, connection, info, run, admitted: () => admitted };
	};
	const count = (name: string) => {
		const dot = name.lastIndexOf(".") + 1;
		return metrics.scope(name.slice(0, dot)).counter(name.slice(dot)).value;
	};
	return { clock, metrics, sideCalls, warnings, parse, connect, count };
}

test("connection_limit: one too many is closed, at once or late; a place is free again when one ends", () => {
	const { clock, parse, connect, count } = setUp();
	const limit = (stat_prefix: string, more: JsonObject = {}) =>
		parse(`${TYPES}.connection_limit.v3.ConnectionLimit`, { stat_prefix, max_connections: "1", ...more });
	const now = limit("now");
	const [first, second] = [connect([now]), connect([now])];
	assert.deepEqual([first.admitted(), second.admitted(), second.socket.ended], [true, false, "destroyed"]);
	assert.equal(second.connection.localCloseReason, "over_connection_limit");
	first.socket.destroy();
	assert.ok(connect([now]).admitted());
	const late = limit("late", { delay: "2s" });
	connect([late]);
	const held = connect([late]);
	assert.equal(held.socket.ended, "no");
	clock.advance(2000);
	assert.equal(held.socket.ended, "destroyed");
	assert.deepEqual(
		[count("connection_limit.now.limited_connections"), count("connection_limit.late.limited_connections")],
		[1, 1],
	);
	assert.ok(connect([limit("off", { runtime_enabled: { default_value: false, runtime_key: "x" } })]).admitted());
});

test("local_ratelimit: tokens, time, and filters that share a bucket", () => {
	const { clock, parse, connect, count } = setUp();
	const rate = (stat_prefix: string, share_key = "") =>
		parse(`${TYPES}.local_ratelimit.v3.LocalRateLimit`, {
			stat_prefix,
			share_key,
			token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: "1s" },
		});
	const one = rate("one");
	const admitted = () => connect([one]).admitted();
	assert.deepEqual([admitted(), admitted(), admitted()], [true, true, false]);
	const refused = connect([one]);
	assert.deepEqual([...refused.info.responseFlags], ["URX"]);
	clock.advance(1000);
	assert.deepEqual([admitted(), admitted()], [true, false]);
	const [a, b] = [rate("a", "k"), rate("b", "k")];
	assert.deepEqual([connect([a]).admitted(), connect([b]).admitted(), connect([a]).admitted()], [true, true, false]);
	assert.deepEqual([count("local_rate_limit.one.rate_limited"), count("local_rate_limit.a.rate_limited")], [3, 1]);
});

const anyOne = { permissions: [{ any: true }], principals: [{ any: true }] };

test("rbac: decided by the first bytes, once or each time; shadow rules tell in metadata", () => {
	const { clock, parse, connect, count } = setUp();
	const rbac = (value: JsonObject) => parse(`${TYPES}.rbac.v3.RBAC`, { stat_prefix: "s", ...value });
	const deny = rbac({ rules: { action: "DENY", policies: { "p q": anyOne } } });
	const denied = connect([deny]);
	assert.ok(denied.admitted());
	assert.equal(
		denied.run.admit(() => assert.fail("it is cut")),
		"stop",
	);
	assert.equal(denied.socket.ended, "destroyed");
	assert.equal(denied.info.connectionTerminationDetails, "rbac_access_denied_matched_policy[p_q]");
	assert.equal(denied.connection.localCloseReason, "rbac_deny_close");
	const once = connect([rbac({ rules: { action: "ALLOW", policies: { p: anyOne } } })]);
	assert.deepEqual([once.run.admit(() => {}), once.run.asks], ["continue", false]);
	const always = connect([
		rbac({ rules: { action: "ALLOW", policies: { p: anyOne } }, enforcement_type: "CONTINUOUS" }),
	]);
	assert.deepEqual([always.run.admit(() => {}), always.run.asks], ["continue", true]);
	const shadow = connect([
		rbac({ shadow_rules: { action: "DENY", policies: { p: anyOne } }, shadow_rules_stat_prefix: "sh" }),
	]);
	assert.equal(
		shadow.run.admit(() => {}),
		"continue",
	);
	assert.deepEqual(shadow.connection.dynamicMetadata.get("envoy.filters.network.rbac"), {
		shshadow_engine_result: "denied",
		shshadow_effective_policy_id: "p",
	});
	const late = connect([rbac({ rules: { action: "DENY", policies: { p: anyOne } }, delay_deny: "1s" })]);
	late.run.admit(() => {});
	late.socket.readableLength = 4;
	assert.equal(late.socket.ended, "no");
	clock.advance(1000);
	assert.equal(late.socket.ended, "reset");
	assert.deepEqual(
		["allowed", "denied", "sh.shadow_denied"].map((name) =>
			count(`s.rbac.${name.replace("sh.shadow_denied", "denied")}`),
		),
		[2, 2, 2],
	);
});

test("sni_cluster names the cluster after the server name; Istio's metadata exchange leaves connections without its protocol alone", () => {
	const { parse, connect, count } = setUp();
	const sni = parse(`${TYPES}.sni_cluster.v3.SniCluster`);
	assert.equal(connect([sni], "c.example").connection.filterState.get("envoy.tcp_proxy.cluster"), "c.example");
	assert.equal(connect([sni]).connection.filterState.size, 0);
	const exchange = parse("envoy.tcp.metadataexchange.config.MetadataExchange", { protocol: "istio-peer-exchange" });
	assert.ok(connect([exchange, sni], "x").admitted());
	assert.equal(count("metadata_exchange.alpn_protocol_not_found"), 1);
});

test("what is wrong is refused by its path", () => {
	const { parse } = setUp();
	const problems = (type: string, value: JsonObject = {}) => {
		try {
			parse(`${TYPES}.${type}`, value);
			return [];
		} catch (error) {
			assert.ok(error instanceof ProblemError);
			return error.problems.map(({ code, path }) => `${code} ${path}`);
		}
	};
	assert.deepEqual(problems("connection_limit.v3.ConnectionLimit"), [
		"LTN3123 f.stat_prefix",
		"LTN3123 f.max_connections",
	]);
	assert.deepEqual(
		problems("local_ratelimit.v3.LocalRateLimit", {
			stat_prefix: "s",
			token_bucket: { max_tokens: 1, fill_interval: "0.01s" },
		}),
		["LTN3122 f.token_bucket.fill_interval"],
	);
	assert.deepEqual(problems("rbac.v3.RBAC"), ["LTN3123 f.stat_prefix"]);
	const header = { permissions: [{ header: { name: "a" } }], principals: [{ any: true }] };
	assert.deepEqual(problems("rbac.v3.RBAC", { stat_prefix: "s", rules: { policies: { p: header } } }), [
		"LTN3302 f.rules.policies[p].permissions[0].header",
	]);
});

test("istio.stats: connections and bytes, every five seconds and at the end, under one set of labels", () => {
	const { clock, metrics, parse, connect } = setUp();
	const { info, socket } = connect([parse("stats.PluginConfig")]);
	info.upstreamCluster = "c";
	info.bytesReceived = 5;
	clock.advance(5000);
	info.bytesReceived = 7;
	info.bytesSent = 3;
	info.responseFlags.add("UR");
	const text = () =>
		formatPrometheus(metrics)
			.split("\n")
			.filter((line) => line.startsWith("istio_tcp") && !line.endsWith(" 0"));
	assert.deepEqual(
		text()
			.map((line) => line.replace(/\{.*\}/, ""))
			.sort(),
		["istio_tcp_connections_opened_total 1", "istio_tcp_received_bytes_total 5"],
	);
	socket.destroy();
	assert.deepEqual(
		text()
			.map((line) => line.replace(/\{.*\}/, ""))
			.sort(),
		[
			"istio_tcp_connections_closed_total 1",
			"istio_tcp_connections_opened_total 1",
			"istio_tcp_received_bytes_total 7",
			"istio_tcp_sent_bytes_total 3",
		],
	);
	assert.match(
		text()[0]!,
		/reporter="source",source_workload="me".*destination_service="s.ns.svc".*destination_service_name="s".*request_protocol="tcp",response_flags="-"/,
	);
});

test("ext_authz: a connection waits for the service's word about its first bytes", () => {
	const { parse, connect, sideCalls, count } = setUp();
	const filter = (more: JsonObject = {}) =>
		parse(`${TYPES}.ext_authz.v3.ExtAuthz`, {
			stat_prefix: "a",
			grpc_service: { envoy_grpc: { cluster_name: "authz" } },
			...more,
		});
	const ask = (one: ReturnType<typeof filter>, code: number | undefined) => {
		const on = connect([one]);
		let resumed = false;
		assert.equal(
			on.run.admit(() => {
				resumed = true;
			}),
			"stop",
		);
		if (code === undefined) sideCalls.answer({ kind: "failed", reason: "timeout", detail: "" });
		else sideCalls.answer({ kind: "answer", status: 200, ...grpcAnswer(code) });
		return [resumed, on.socket.ended, on.info.responseCodeDetails, [...on.info.responseFlags].join()];
	};
	assert.deepEqual(ask(filter(), 0), [true, "no", "", ""]);
	assert.deepEqual(ask(filter(), 7), [false, "destroyed", "ext_authz_denied", "UAEX"]);
	assert.deepEqual(ask(filter(), undefined), [false, "destroyed", "ext_authz_error", "UAEX"]);
	assert.deepEqual(ask(filter({ failure_mode_allow: true }), undefined), [true, "no", "", ""]);
	const [request] = sideCalls.requests;
	const check = fromBinary(CheckRequestSchema, request!.body.subarray(5));
	assert.equal(
		check.attributes?.source?.address?.address.value &&
			"address" in check.attributes.source.address.address.value &&
			check.attributes.source.address.address.value.address,
		"192.0.2.1",
	);
	assert.deepEqual([request!.cluster, request!.timeoutMs], ["authz", 200]);
	assert.deepEqual(
		["total", "ok", "denied", "error", "failure_mode_allowed", "cx_closed"].map((name) => count(`ext_authz.a.${name}`)),
		[4, 1, 1, 2, 1, 2],
	);
	const left = connect([filter()]);
	left.run.admit(() => assert.fail("it has gone"));
	left.socket.destroy();
	assert.equal(sideCalls.cancelled, 1);
});

function grpcAnswer(code: number) {
	const message = toBinary(CheckResponseSchema, create(CheckResponseSchema, { status: { code } }));
	const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
	const headers = HeaderMap.of(["content-type", "application/grpc"]);
	return { headers, body, trailers: HeaderMap.of(["grpc-status", "0"]) };
}

test("mongo_proxy lets a connection pass and tells that it counts nothing", () => {
	const { parse, connect, warnings } = setUp();
	const filter = parse(`${TYPES}.mongo_proxy.v3.MongoProxy`, { stat_prefix: "outbound|27017||db" });
	assert.ok(connect([filter]).admitted());
	assert.deepEqual(warnings, ["f"]);
});
