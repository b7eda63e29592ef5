import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import type { Playground } from "../playground.ts";

const REQUEST_ID = "4c2f9a52-7f3e-4b06-9d7e-0f6f1f3f1a2b";

type Labels = Readonly<Record<string, string>>;

/** What one request leaves behind. */
export function telemetryScenes(on: Playground): void {
	/** Series of a metric as a proxy's merged metrics have them. */
	const series = async (metric: string, deployment: string): Promise<{ labels: Labels; value: number }[]> => {
		const text = await on.exec(
			`deploy/${deployment}`,
			"istio-proxy",
			"curl",
			"-sS",
			"localhost:15020/stats/prometheus",
		);
		const lines = text.split("\n").filter((line) => line.startsWith(`${metric}{`));
		return lines.map((line) => {
			const labels = Object.fromEntries(
				[...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
			);
			return { labels, value: Number(line.slice(line.lastIndexOf(" ") + 1)) };
		});
	};
	const sumOf = async (metric: string, deployment: string, reporter: string, service: string) => {
		const found = await series(metric, deployment);
		const own = found.filter(
			({ labels }) => labels.reporter === reporter && labels.destination_service_name === service,
		);
		return own.reduce((sum, { value }) => sum + value, 0);
	};

	describe("Telemetry", () => {
		test("G-metrics-logs-traces: one request is told by both sides, with everybody's names", async () => {
			const [answer] = await on.load("http://echo/traced", { options: ["-H", `x-request-id: ${REQUEST_ID}`] });
			const { headers } = JSON.parse(answer!.body) as { headers: Record<string, string[]> };
			assert.deepEqual(headers["X-Request-Id"], [REQUEST_ID]);
			assert.match(headers.Traceparent![0]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
			assert.equal(headers["X-B3-Traceid"]![0], headers.Traceparent![0]!.split("-")[1]);
			assert.match(headers["X-B3-Spanid"]![0]!, /^[0-9a-f]{16}$/);

			const both: Labels = {
				source_workload: "curl",
				source_workload_namespace: "default",
				source_app: "curl",
				source_canonical_service: "curl",
				source_canonical_revision: "latest",
				destination_workload: "echo-v1",
				destination_workload_namespace: "default",
				destination_app: "echo",
				destination_version: "v1",
				destination_canonical_service: "echo",
				destination_canonical_revision: "v1",
				destination_service: "echo.default.svc.cluster.local",
				destination_service_name: "echo",
				destination_service_namespace: "default",
				request_protocol: "http",
				response_code: "200",
				response_flags: "-",
			};
			for (const [deployment, reporter] of [
				["curl", "source"],
				["echo-v1", "destination"],
			] as const) {
				const found = (await series("istio_requests_total", deployment)).filter(
					({ labels }) =>
						labels.reporter === reporter &&
						labels.destination_service_name === "echo" &&
						labels.source_workload === "curl",
				);
				assert.equal(found.length, 1, reporter);
				for (const [name, value] of Object.entries(both))
					assert.equal(found[0]!.labels[name], value, `${reporter}: ${name}`);
				for (const metric of [
					"istio_request_duration_milliseconds_count",
					"istio_request_bytes_count",
					"istio_response_bytes_count",
				])
					assert.ok((await series(metric, deployment)).length > 0, metric);
				const line = await eventually(`${deployment}'s access log`, async () => {
					const log = await on.kubectl("logs", `deploy/${deployment}`, "-c", "istio-proxy");
					return log.split("\n").filter((l) => l.includes(REQUEST_ID));
				});
				assert.equal(line.length, 1);
				assert.match(
					line[0]!,
					/^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "GET \/traced HTTP\/1\.1" 200 - via_upstream - "-" 0 \d+ \d+ \d+ "-" "curl\//,
				);
			}
		});

		test("S004-load-1000: counters grow by exactly what was sent, on both sides", async () => {
			const before = [
				await sumOf("istio_requests_total", "curl", "source", "echo"),
				await sumOf("istio_requests_total", "echo-v1", "destination", "echo"),
			];
			await on.load("http://echo/", { count: 1000 });
			assert.equal((await sumOf("istio_requests_total", "curl", "source", "echo")) - before[0]!, 1000);
			assert.equal((await sumOf("istio_requests_total", "echo-v1", "destination", "echo")) - before[1]!, 1000);
		});

		test("S001-subset-names, G-stats-names: subsets have names in clusters and stats", async () => {
			await on.rules(
				["DestinationRule", "rec", "{ host: rec, subsets: [{ name: v1, labels: { version: v1 } }] }"],
				["VirtualService", "rec", "{ hosts: [rec], http: [{ route: [{ destination: { host: rec, subset: v1 } }] }] }"],
			);
			await on.load("http://rec:8080/", { count: 10 });
			assert.equal(await on.stat("cluster.outbound|8080|v1|rec.default.svc.cluster.local.upstream_rq_2xx"), 10);
			const { stdout } = await on.mesh.lateen(["proxy-config", "clusters", "deploy/curl"]);
			assert.match(stdout, /rec\.default\.svc\.cluster\.local +8080 +v1 +outbound +EDS +rec\.default/);
		});

		test("S003-all-through-proxy: a call to a pod's own address passes both proxies", async () => {
			const [pod = ""] = await on.pods("app=echo");
			const ip = await on.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}");
			const [answer] = await on.load(`http://${ip}:3000/direct`);
			assert.equal(answer?.status, 200);
			for (const deployment of ["curl", "echo-v1"])
				await eventually(`${deployment}'s access log`, async () =>
					(await on.kubectl("logs", `deploy/${deployment}`, "-c", "istio-proxy")).includes("GET /direct "),
				);
			// The callee's log names the caller's pod.
			const caller = await on.kubectl("get", "pod", (await on.pods("app=curl"))[0]!, "-o", "jsonpath={.status.podIP}");
			const log = await on.kubectl("logs", "deploy/echo-v1", "-c", "istio-proxy");
			assert.match(log.split("\n").find((line) => line.includes("GET /direct "))!, new RegExp(` ${caller}:\\d+ `));
		});

		test("S003-vs-to-proxies: every proxy is in sync, those that carry bytes beside HTTP too", async () => {
			const { stdout } = await on.mesh.lateen(["proxy-status"]);
			assert.doesNotMatch(stdout, /ERROR|STALE/);
			assert.match(stdout, /^rec-v2-/m);
		});
	});
}
