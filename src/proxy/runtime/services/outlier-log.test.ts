import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../lib/clock.ts";
import { ClusterHost } from "../../cluster/cluster-host.ts";
import { PLAIN_ENDPOINT } from "../../cluster/compile/endpoint-config.ts";
import { outlierLogLine } from "./outlier-log.ts";

test("ejections and their ends are told in Envoy's words", () => {
	const clock = new ManualClock(Date.UTC(2026, 10, 20));
	const host = new ClusterHost({ ...PLAIN_ENDPOINT, host: "127.0.0.1", port: 2 });
	host.outlier.ejections = 1;
	host.outlier.successRate = 12.5;
	const line = (event: Parameters<typeof outlierLogLine>[2]) => outlierLogLine("c", host, event, clock);
	// As Envoy 1.40 writes it.
	assert.equal(
		line({ action: "eject", kind: "consecutive_5xx", enforced: true, rates: undefined }),
		'{"type":"CONSECUTIVE_5XX","timestamp":"2026-11-20T00:00:00.000Z","cluster_name":"c","upstream_url":"127.0.0.1:2","action":"EJECT","num_ejections":1,"enforced":true,"eject_consecutive_event":{}}\n',
	);
	clock.advance(2500);
	assert.equal(
		line({ action: "uneject" }),
		'{"type":"CONSECUTIVE_5XX","timestamp":"2026-11-20T00:00:02.500Z","secs_since_last_action":"2","cluster_name":"c","upstream_url":"127.0.0.1:2","action":"UNEJECT","num_ejections":1,"enforced":false}\n',
	);
	const rates = { mean: 90.2, threshold: 52.7 };
	const told = JSON.parse(line({ action: "eject", kind: "success_rate", enforced: false, rates })) as Record<
		string,
		unknown
	>;
	assert.deepEqual(told.eject_success_rate_event, {
		host_success_rate: 12,
		cluster_average_success_rate: 90,
		cluster_success_rate_ejection_threshold: 52,
	});
});
