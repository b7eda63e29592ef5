import assert from "node:assert/strict";
import type { Server } from "node:http";
import { Agent, request } from "node:http";
import { after, before, describe, test } from "node:test";
import type { MeshFixture } from "../../src/controlplane/model/testing/mesh-fixture.ts";
import type { RunningEnvoy } from "../support/envoy.ts";
import { eventually } from "../support/eventually.ts";
import { startTestControlPlane, type TestControlPlane } from "../support/test-control-plane.ts";
import {
	addressesOfProcess,
	bookinfoFixture,
	type EchoAnswer,
	podIp,
	REVIEWS_RULE,
	serveBookinfo,
	serveEcho,
} from "./bookinfo-fixture.ts";
import { adsBootstrap } from "./envoy-bootstrap.ts";

const nextIp = addressesOfProcess();

interface Answer {
	readonly status: number;
	readonly body: string;
}

const agent = new Agent({ keepAlive: true });

/** A request through an explicit proxy: the whole URL in the request line, as `http_proxy` makes clients do. */
function viaProxy(proxy: string, url: string, headers: Record<string, string> = {}): Promise<Answer> {
	return send({ host: proxy, port: 15007, path: url, headers: { host: new URL(url).host, ...headers } });
}

function send(options: {
	host: string;
	port: number;
	path: string;
	headers?: Record<string, string>;
}): Promise<Answer> {
	return new Promise((resolve, reject) => {
		const call = request({ ...options, agent }, (response) => {
			let body = "";
			response.setEncoding("utf8").on("data", (chunk: string) => {
				body += chunk;
			});
			response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
			response.on("error", reject);
		});
		call.on("error", reject).end();
	});
}

const podOf = ({ status, body }: Answer) =>
	status === 200 ? (JSON.parse(body) as EchoAnswer).pod : `${status} ${body}`;

const virtualService = (http: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
${http}
`;

const meshConfigMap = (mesh: string) => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name: "istio", namespace: "istio-system" },
	data: { mesh },
});

const JASON_THEN_WEIGHTS = virtualService(`
  - match: [{ headers: { end-user: { exact: jason } } }]
    route: [{ destination: { host: reviews, subset: v3 } }]
  - route:
    - { destination: { host: reviews, subset: v1 }, weight: 75 }
    - { destination: { host: reviews, subset: v2 }, weight: 25 }
`);

/** A proxy that takes Envoy's bootstrap, the way of starting it, or the reason why it cannot be. */
export interface Engine {
	readonly name: string;
	readonly skip: string | false;
	/** True when it has a dynamic forward proxy, which ALLOW_ANY needs. */
	readonly resolvesNames: boolean;
	start(bootstrap: Readonly<Record<string, unknown>>): Promise<RunningEnvoy>;
}

/** What the control plane owes every proxy, whoever made it: the same sentences for Envoy and for Lateen's own, in both protocols. */
export function proxySuite(engine: Engine): void {
	for (const protocol of ["delta", "sotw"] as const)
		describe(`${engine.name} by ${protocol}`, { skip: engine.skip }, () => behaviour(engine, protocol));
}

function behaviour(engine: Engine, protocol: "delta" | "sotw"): void {
	let fixture: MeshFixture;
	let controlPlane: TestControlPlane;
	let servers: readonly Server[] = [];
	let gateway: RunningEnvoy;
	let sidecar: RunningEnvoy;
	let gatewayIp: string;
	let sidecarIp: string;

	before(async () => {
		fixture = bookinfoFixture(nextIp);
		fixture.apply(JASON_THEN_WEIGHTS);
		controlPlane = await startTestControlPlane(fixture);
		const appIp = nextIp();
		gatewayIp = podIp(fixture, "istio-ingressgateway", "istio-system");
		sidecarIp = podIp(fixture, "productpage-v1");
		servers = [
			...(await serveBookinfo(fixture, ["reviews-v1", "reviews-v2", "reviews-v3"])),
			await serveEcho("productpage-v1", appIp, 9080),
		];
		const start = (node: Parameters<typeof adsBootstrap>[0]) =>
			engine.start(adsBootstrap(node, controlPlane.xdsPort, protocol));
		const gatewayPod = fixture.pod("istio-ingressgateway", "istio-system").metadata.name!;
		const sidecarPod = fixture.pod("productpage-v1").metadata.name!;
		[gateway, sidecar] = await Promise.all([
			start({ role: "router", ip: gatewayIp, podName: gatewayPod, namespace: "istio-system" }),
			start({
				role: "sidecar",
				ip: sidecarIp,
				podName: sidecarPod,
				namespace: "default",
				metadata: { LATEEN_APP_IP: appIp },
			}),
		]);
		await eventually("both proxies in sync", allSynced, 15_000);
	});

	after(async () => {
		await Promise.all([gateway?.stop(), sidecar?.stop()]);
		await controlPlane?.close();
		for (const server of servers) server.close().closeAllConnections();
	});

	async function allSynced(): Promise<boolean> {
		const status = await controlPlane.syncStatus();
		const nacks = status.flatMap((p) =>
			Object.values(p.types).flatMap((t) => (t.lastNack ? [t.lastNack.message] : [])),
		);
		assert.deepEqual(nacks, []);
		return (
			status.length === 2 &&
			status.every((p) => ["CDS", "EDS", "LDS", "RDS"].every((type) => p.types[type]?.status === "SYNCED"))
		);
	}

	async function noneRefused(): Promise<void> {
		for (const e of [gateway, sidecar]) {
			const rejected = await e.stats(/update_rejected$/);
			assert.ok(Object.keys(rejected).length > 0);
			assert.deepEqual(
				Object.entries(rejected).filter(([, count]) => count > 0),
				[],
				e.log(),
			);
		}
	}

	test("takes everything that it is sent", noneRefused);

	test("routes as a gateway", async () => {
		const page = await send({ host: gatewayIp, port: 8080, path: "/productpage?u=normal" });
		assert.equal(page.status, 200, gateway.log());
		const answer = JSON.parse(page.body) as EchoAnswer;
		assert.equal(answer.pod, "productpage-v1");
		assert.equal(answer.path, "/productpage?u=normal");
		assert.equal((await send({ host: gatewayIp, port: 8080, path: "/productpages" })).status, 404);
		assert.equal((await send({ host: gatewayIp, port: 8080, path: "/static/x.css" })).status, 200);
	});

	test("routes as a sidecar by header, weight, short and full names", async () => {
		for (const name of ["reviews", "reviews.default", "reviews.default.svc.cluster.local"]) {
			const answer = await viaProxy(sidecarIp, `http://${name}:9080/reviews/0`, { "end-user": "jason" });
			assert.equal(podOf(answer), "reviews-v3", name);
		}
		const counts: Record<string, number> = {};
		for (let i = 0; i < 400; i++) {
			const pod = podOf(await viaProxy(sidecarIp, "http://reviews:9080/reviews/0"));
			counts[pod] = (counts[pod] ?? 0) + 1;
		}
		assert.equal(counts["reviews-v3"], undefined);
		// 75 % of 400, five standard deviations.
		assert.ok(Math.abs(counts["reviews-v1"]! - 300) < 45, JSON.stringify(counts));
	});

	test("passes on what is addressed to a pod, other hosts that are no service are refused", async () => {
		const podAddress = `http://${podIp(fixture, "reviews-v2")}:9080/`;
		assert.equal(podOf(await viaProxy(sidecarIp, podAddress)), "reviews-v2");
		// A proxy that looks names up says so only after it has tried.
		assert.equal((await viaProxy(sidecarIp, "http://no.such.host.invalid/")).status, engine.resolvesNames ? 503 : 502);
		controlPlane.change((f) => {
			f.put(meshConfigMap("outboundTrafficPolicy: { mode: REGISTRY_ONLY }"));
		});
		const refused = async () => (await viaProxy(sidecarIp, podAddress)).status === 502;
		await eventually("REGISTRY_ONLY to refuse", refused);
		controlPlane.change((f) => f.delete("ConfigMap", "istio-system", "istio"));
	});

	test("answers 503 for a subset that is none", async () => {
		controlPlane.change((f) =>
			f.apply(virtualService("  - route: [{ destination: { host: reviews, subset: nowhere } }]")),
		);
		await eventually("503", async () => (await viaProxy(sidecarIp, "http://reviews:9080/")).status === 503);
		await noneRefused();
	});

	test("no request fails while rules and subsets change, and each change steers within a second", async () => {
		const to = (subset: string) => virtualService(`  - route: [{ destination: { host: reviews, subset: ${subset} } }]`);
		const subsets = (names: readonly string[]) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  subsets: [${names.map((n) => `{ name: ${n}, labels: { version: ${n.split("-")[0]} } }`).join(", ")}]
`;
		controlPlane.change((f) => f.apply(subsets(["v1-0"])).apply(to("v1-0")));
		await eventually("v1", async () => (await viaProxy(sidecarIp, "http://reviews:9080/")).status === 200);
		let stopped = false;
		const failures: string[] = [];
		const load = async () => {
			while (!stopped) {
				const { status, body } = await viaProxy(sidecarIp, "http://reviews:9080/");
				if (status !== 200) failures.push(`${status} ${body}`);
			}
		};
		const running = [load(), load()];
		for (let i = 1; i <= 8; i++) {
			const version = `v${(i % 3) + 1}`;
			// The new subset's cluster must be there before the route names it, and the old one's stay until nothing does.
			controlPlane.change((f) => f.apply(subsets([`${version}-${i}`])).apply(to(`${version}-${i}`)));
			const steers = async () => podOf(await viaProxy(sidecarIp, "http://reviews:9080/")) === `reviews-${version}`;
			await eventually(`traffic at ${version}`, steers, 1000);
		}
		stopped = true;
		await Promise.all(running);
		assert.deepEqual(failures.slice(0, 3), []);
		await noneRefused();
	});

	test("takes a new policy for a cluster whose endpoints stay as they are", async () => {
		const policies = ["RANDOM", "ROUND_ROBIN", "LEAST_CONN"];
		for (const simple of policies) {
			const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: productpage }
spec: { host: productpage, trafficPolicy: { loadBalancer: { simple: ${simple} } } }
`;
			controlPlane.change((f) => f.apply(rule));
			const expected = simple === "LEAST_CONN" ? "LEAST_REQUEST" : simple;
			await eventually(`${simple} in use`, async () => {
				const dump = await (await fetch(`${gateway.adminUrl}/config_dump?resource=dynamic_active_clusters`)).text();
				const { configs } = JSON.parse(dump) as { configs: { cluster: { name: string; lb_policy?: string } }[] };
				const found = configs.find((c) => c.cluster.name === "outbound|9080||productpage.default.svc.cluster.local");
				return (found?.cluster.lb_policy ?? "ROUND_ROBIN") === expected;
			});
		}
		assert.deepEqual(Object.values(await gateway.stats(/warming_clusters$/)), [0]);
		assert.equal((await send({ host: gatewayIp, port: 8080, path: "/productpage" })).status, 200);
	});

	test("writes Istio's access log", async () => {
		await viaProxy(sidecarIp, "http://reviews:9080/logged");
		const line = await eventually("the log line", () =>
			sidecar
				.output()
				.split("\n")
				.find((l) => l.includes("/logged")),
		);
		assert.match(
			line,
			/"GET \/logged HTTP\/1\.1" 200 - via_upstream - "-" 0 \d+ \d+ \d+ "-" "-" "[0-9a-f-]{36}" "reviews:9080" "127\.254\./,
		);
		assert.match(line, / outbound\|9080\|v3-8\|reviews\.default\.svc\.cluster\.local /);
	});

	test("keeps routing while the control plane is away, and takes its changes when it is back", async () => {
		const { xdsPort } = controlPlane;
		await controlPlane.close();
		assert.equal((await viaProxy(sidecarIp, "http://reviews:9080/")).status, 200);
		fixture.apply(JASON_THEN_WEIGHTS).apply(REVIEWS_RULE);
		controlPlane = await startTestControlPlane(fixture, xdsPort);
		const steers = async () =>
			podOf(await viaProxy(sidecarIp, "http://reviews:9080/", { "end-user": "jason" })) === "reviews-v3" &&
			podOf(await viaProxy(sidecarIp, "http://reviews:9080/")) !== "reviews-v3";
		await eventually("the new rule", steers, 15_000);
		await noneRefused();
	});
}
