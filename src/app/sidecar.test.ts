import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { eventually } from "../../test/support/eventually.ts";
import { startTestControlPlane, type TestControlPlane } from "../../test/support/test-control-plane.ts";
import { unrefClock } from "../../test/support/unref-clock.ts";
import { MeshFixture } from "../controlplane/model/testing/mesh-fixture.ts";
import { addressPlan } from "../lib/address-plan.ts";
import { seededRandom } from "../lib/random.ts";
import { parseBootstrap } from "../proxy/runtime/bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "../proxy/runtime/bootstrap/proxy-options.ts";
import { startProxy } from "../proxy/runtime/proxy.ts";
import { makeRequestPath } from "../proxy/runtime/request-path.ts";
import { createLogging } from "../telemetry/logger.ts";
import { formatPrometheus } from "../telemetry/prometheus-text.ts";
import { renderSidecar } from "./sidecar-bootstrap.ts";

/** A block of loopback addresses that other tests on this machine are unlikely to use. */
const plan = addressPlan(100 + (process.pid % 120));

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web, version: v1}}, spec: {containers: [{name: web}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1}
spec:
  selector: {matchLabels: {app: reviews, version: v1}}
  template: {metadata: {labels: {app: reviews, version: v1}}, spec: {containers: [{name: reviews, ports: [{containerPort: 9080}]}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2}
spec:
  selector: {matchLabels: {app: reviews, version: v2}}
  template: {metadata: {labels: {app: reviews, version: v2}}, spec: {containers: [{name: reviews, ports: [{containerPort: 9080}]}]}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`;

const weights = (v1: number, v2: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: ${v1}}
    - {destination: {host: reviews, subset: v2}, weight: ${v2}}
    retries: {attempts: 0}
`;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** The application of a pod, behind its sidecar. */
async function application(podIp: string, name: string) {
	const state = { status: 200 };
	const server = createServer((_, response) => {
		response.statusCode = state.status;
		response.end(name);
	});
	server.listen(9080, plan.appIp(podIp));
	await once(server, "listening");
	cleanUps.push(() => {
		server.close();
		server.closeAllConnections();
	});
	return state;
}

async function sidecar(fixture: MeshFixture, deployment: string, control: TestControlPlane) {
	const pod = fixture.pod(deployment) as unknown as {
		metadata: { name: string; labels: object };
		status: { podIP: string };
	};
	const { podIP } = pod.status;
	const { bootstrap } = renderSidecar(
		{
			LATEEN_POD_IP: podIP,
			LATEEN_APP_IP: plan.appIp(podIP),
			POD_NAME: pod.metadata.name,
			POD_NAMESPACE: "default",
			ISTIO_META_WORKLOAD_NAME: deployment,
			ISTIO_METAJSON_LABELS: JSON.stringify({ LABELS: pod.metadata.labels }),
			PROXY_CONFIG: JSON.stringify({ discoveryAddress: `127.0.0.1:${control.xdsPort}` }),
		},
		"sidecar",
	);
	const proxy = await startProxy(await parseBootstrap(JSON.stringify(bootstrap), "b"), {
		clock: unrefClock,
		random: seededRandom(1),
		logging: createLogging({ level: "off", destination: { write() {} } }),
		environment: {},
		makeDataPlane: makeRequestPath,
		drainTimeMs: 1000,
		dnsServer: undefined,
		configPath: "b",
		onQuit() {},
	});
	cleanUps.push(() => proxy.close());
	return { proxy, podIp: podIP };
}

/** What an application behind a sidecar does: names the service and lets the explicit proxy find it. */
function call(from: { podIp: string }, url: string): Promise<{ status: number; body: string }> {
	return new Promise((resolve, reject) => {
		const sent = request(
			{ host: from.podIp, port: 15007, path: url, headers: { host: new URL(url).host }, agent: false },
			async (response) => {
				let body = "";
				for await (const chunk of response) body += chunk;
				resolve({ status: response.statusCode!, body });
			},
		);
		sent.on("error", reject);
		sent.end();
	});
}

async function tally(web: { podIp: string }, requests: number): Promise<Record<string, number>> {
	const seen: Record<string, number> = {};
	for (let i = 0; i < requests; i++) {
		const { status, body } = await call(web, "http://reviews:9080/");
		const key = status === 200 ? body : String(status);
		seen[key] = (seen[key] ?? 0) + 1;
	}
	return seen;
}

async function mesh() {
	const fixture = new MeshFixture();
	let pods = 0;
	fixture.nextPodIp = () => plan.podIp(pods++);
	fixture.apply(MESH).apply(weights(100, 0));
	const control = await startTestControlPlane(fixture);
	cleanUps.push(() => control.close());
	const web = await sidecar(fixture, "web", control);
	const v1 = await sidecar(fixture, "reviews-v1", control);
	const v2 = await sidecar(fixture, "reviews-v2", control);
	const apps = { v1: await application(v1.podIp, "v1"), v2: await application(v2.podIp, "v2") };
	for (const { proxy } of [web, v1, v2]) await eventually("readiness", () => proxy.notReady() === "");
	return { fixture, control, web, v1, v2, apps };
}

const requests = (proxy: RunningProxy) =>
	formatPrometheus(proxy.registry, { keep: (name) => name === "istio_requests_total" });

test("sidecars take Lateen's own control plane's configuration, nothing refused, and carry requests", async () => {
	const { fixture, control, web, v1, apps } = await mesh();
	for (const status of await control.syncStatus())
		assert.equal(JSON.stringify(status).includes("LTN"), false, JSON.stringify(status));
	assert.deepEqual(await tally(web, 10), { v1: 10 });
	assert.match(
		requests(web.proxy),
		/reporter="source",source_workload="web".*destination_workload="reviews-v1".* 10\n/,
	);
	assert.match(requests(v1.proxy), /reporter="destination",source_workload="web".* 10\n/);

	control.change(() => fixture.apply(weights(50, 50)));
	await eventually("the new weights", async () => (await call(web, "http://reviews:9080/")).body === "v2");
	const shares = await tally(web, 100);
	assert.equal(shares.v1! + shares.v2!, 100, JSON.stringify(shares));
	assert.ok(shares.v1! > 30 && shares.v2! > 30, JSON.stringify(shares));

	apps.v2.status = 503;
	const failing = await tally(web, 60);
	assert.deepEqual(failing, { v1: 58, "503": 2 }, "v2 is ejected and its share goes to v1");
});

test("as a process: ready by its agent, metrics merged, drains on SIGTERM, and says what is missing", async () => {
	const fixture = new MeshFixture();
	fixture.nextPodIp = () => plan.podIp(200);
	fixture.apply(
		MESH.slice(0, MESH.indexOf("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews-v1}")),
	);
	const control = await startTestControlPlane(fixture);
	cleanUps.push(() => control.close());
	const podIp = plan.podIp(200);
	const folder = await mkdtemp(join(tmpdir(), "lateen-sidecar-"));
	cleanUps.push(() => rm(folder, { recursive: true }));
	const run = (environment: Record<string, string>) =>
		spawn(
			process.execPath,
			[
				"--input-type=module",
				"-e",
				`(await import(${JSON.stringify(new URL("./sidecar.ts", import.meta.url).href)})).runSidecar(["proxy", "sidecar"])`,
			],
			{ cwd: folder, env: { PATH: process.env.PATH, ...environment }, stdio: ["ignore", "ignore", "pipe"] },
		);
	const child = run({
		LATEEN_POD_IP: podIp,
		LATEEN_APP_IP: plan.appIp(podIp),
		POD_NAME: "web-5d4f8c7b9-aaaaa",
		POD_NAMESPACE: "default",
		PROXY_CONFIG: JSON.stringify({ discoveryAddress: `127.0.0.1:${control.xdsPort}`, terminationDrainDuration: "1s" }),
	});
	cleanUps.push(() => child.kill("SIGKILL"));
	const statusOf = (port: number, path: string, init?: RequestInit) =>
		fetch(`http://${podIp}:${port}${path}`, init).then(
			(response) => response.status,
			() => 0,
		);
	await eventually("readiness", async () => (await statusOf(15021, "/healthz/ready")) === 200, 15_000);
	assert.equal(await statusOf(15020, "/healthz/ready"), 200);
	assert.equal(await statusOf(15021, "/metrics"), 404);
	assert.equal(await statusOf(15020, "/quitquitquit"), 405);
	const metrics = await (await fetch(`http://${podIp}:15020/stats/prometheus`)).text();
	assert.match(metrics, /envoy_cluster_manager_cds_update_success\{\} [1-9]/);
	assert.equal((await stat(join(folder, "bootstrap.json"))).mode & 0o777, 0o600);
	child.kill("SIGTERM");
	const [code] = (await once(child, "exit")) as [number | null];
	assert.equal(code, 0);

	const lost = run({ LATEEN_POD_IP: podIp });
	let complaint = "";
	lost.stderr.on("data", (chunk) => {
		complaint += chunk;
	});
	const [failure] = (await once(lost, "close")) as [number];
	assert.equal(failure, 65);
	assert.match(complaint, /LTN6020 POD_NAME: .*\nLTN6020 POD_NAMESPACE: /);
});
