import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

interface LogLine {
	readonly host: string | null;
	readonly code: number;
	readonly flags: string | null;
}

const COUNTED = /cluster\.[a-z0-9-]+\.(outlier_detection\..*|membership_healthy|lb_healthy_panic)/;

/** Requests one after the other, with time for the news of an ejection to reach Envoy's workers. */
function paced(name: string, path: string, times: number, more: Partial<Case> = {}): Case {
	const send = Array.from({ length: times }, () => [{ path }, { pauseMs: 25 }]).flat();
	return {
		name,
		send,
		counters: [COUNTED],
		compare: ({ log, counters }) => ({
			log: (log as LogLine[]).map(({ host, code, flags }) => `${code} ${flags} ${host}`),
			counters,
		}),
		...more,
	} as Case;
}

/** As above, where the order of hosts is chance. */
function counted(name: string, path: string, times: number): Case {
	return paced(name, path, times, {
		compare: ({ log, counters }) => {
			const lines = (log as LogLine[]).map(({ host, code }) => `${code} ${host}`);
			return { lines: lines.slice(-4).every((line) => line === lines.at(-1)), last: lines.at(-1), counters };
		},
	});
}

scene("outlier detection", {
	upstreams: {
		good: http1(),
		bad: http1({ answer: { status: 500 } }),
		worse: http1({ answer: { status: 500 } }),
		gateway: http1({ answer: { status: 502 } }),
		resets: http1({ answer: { raw: "", finish: "close" } }),
		slow: http1({ answer: { delayMs: 300 } }),
		dead: dead(),
	},
	bootstrap: (at) => {
		const make = (name: string, hosts: string, outlier: JsonObject, more: JsonObject = {}): JsonObject =>
			cluster(
				name,
				hosts.split(" ").map((host) => at.port(host)),
				{
					common_lb_config: { healthy_panic_threshold: {} },
					outlier_detection: { max_ejection_percent: 100, base_ejection_time: "60s", ...outlier },
					...more,
				},
			);
		const clusters = [
			make("five", "bad", {}),
			make("two", "bad", { consecutive_5xx: 2 }),
			make("never", "bad", { consecutive_5xx: 0, consecutive_gateway_failure: 0 }),
			make("unenforced", "bad", { consecutive_5xx: 1, enforcing_consecutive_5xx: 0 }),
			make("gateway", "gateway", {
				consecutive_gateway_failure: 2,
				enforcing_consecutive_gateway_failure: 100,
				enforcing_consecutive_5xx: 0,
			}),
			make("gateway-off", "gateway", { consecutive_gateway_failure: 2, enforcing_consecutive_5xx: 0 }),
			make("not-gateway", "bad", {
				consecutive_gateway_failure: 1,
				enforcing_consecutive_gateway_failure: 100,
				enforcing_consecutive_5xx: 0,
			}),
			make("dead", "dead", { consecutive_5xx: 2 }),
			make("dead-split", "dead", { split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 }),
			make("resets", "resets", { consecutive_5xx: 2 }),
			make("resets-split", "resets", { split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 }),
			make("resets-split-one", "resets", {
				split_external_local_origin_errors: true,
				consecutive_local_origin_failure: 1,
			}),
			make("timeouts", "slow", { consecutive_5xx: 2 }),
			make("timeouts-gateway", "slow", {
				consecutive_gateway_failure: 1,
				enforcing_consecutive_gateway_failure: 100,
				enforcing_consecutive_5xx: 0,
			}),
			make("mixed", "good bad", { consecutive_5xx: 1 }),
			make("ten-percent", "good bad", { consecutive_5xx: 1, max_ejection_percent: 10 }),
			make("one-always", "good bad", { consecutive_5xx: 1, max_ejection_percent: 10, always_eject_one_host: true }),
			make("half", "bad worse", { consecutive_5xx: 1, max_ejection_percent: 50 }),
			make("back", "bad", { consecutive_5xx: 1, base_ejection_time: "0.05s", interval: "0.05s" }),
			make(
				"with-panic",
				"bad",
				{ consecutive_5xx: 1 },
				{ common_lb_config: { healthy_panic_threshold: { value: 50 } } },
			),
			make("rates", "bad", {
				consecutive_5xx: 0,
				interval: "0.2s",
				failure_percentage_minimum_hosts: 1,
				failure_percentage_request_volume: 3,
				enforcing_failure_percentage: 100,
				enforcing_success_rate: 0,
			}),
		];
		const timeout = { timeout: "0.05s" };
		const routes = clusters.map(({ name }) =>
			to(String(name), `/${name}/`, String(name).startsWith("timeouts") ? timeout : {}),
		);
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		paced("five failures in a row", "/five/", 7),
		paced("two failures", "/two/", 4),
		paced("never", "/never/", 4),
		paced("detected, not enforced", "/unenforced/", 3),
		paced("gateway failures", "/gateway/", 4),
		paced("gateway failures, not enforced", "/gateway-off/", 4),
		paced("500 is no gateway failure", "/not-gateway/", 3),
		paced("nobody listens", "/dead/", 4),
		paced("nobody listens, errors apart", "/dead-split/", 4),
		paced("resets", "/resets/", 4),
		paced("resets, errors apart", "/resets-split/", 4),
		paced("one reset, errors apart", "/resets-split-one/", 3),
		paced("timeouts", "/timeouts/", 4),
		paced("timeouts are gateway failures", "/timeouts-gateway/", 3),
		counted("the bad one goes", "/mixed/", 8),
		paced("ten percent of two is none", "/ten-percent/", 4, {
			compare: ({ counters }) => Object.keys(counters),
		}),
		counted("one may always go", "/one-always/", 8),
		paced("half of two", "/half/", 5, { compare: ({ counters }) => counters }),
		paced("and back again", "/back/", 1, { settleAfterMs: 250 }),
		paced("panic", "/with-panic/", 3),
		paced("failure percentage", "/rates/", 16, {
			settleAfterMs: 500,
			compare: ({ counters }) => ({
				ejected: counters["cluster.rates.outlier_detection.ejections_enforced_failure_percentage"],
			}),
		}),
	],
});
