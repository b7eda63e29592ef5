import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { istioPath } from "../../../tools/oracle/build-istiod.ts";
import { eventually } from "../../support/eventually.ts";
import { type BookinfoMesh, startBookinfoMesh } from "./bookinfo-mesh.ts";
import { curl, status } from "./curl.ts";
import { gatewayTests } from "./gateway-tests.ts";
import { networkObstacle } from "./pod-network.ts";

/** Set in the child that runs in a network of its own. */
const INSIDE = "LATEEN_TEST_NETWORK";

function obstacle(): string | undefined {
	const program = istioPath();
	if (!existsSync(program)) return `no istiod at ${program}: build it with "node tools/oracle/build-istiod.ts"`;
	return networkObstacle();
}

if (process.env[INSIDE]) testsInside();
else
	test("istiod and its agents run Bookinfo on Lateen's proxies", (t) => {
		const why = obstacle();
		if (why !== undefined) return t.skip(why);
		const env = { ...process.env, [INSIDE]: "1", NODE_TEST_CONTEXT: undefined };
		const args = ["-n", process.execPath, "--test", "--test-force-exit", "--test-reporter=tap", import.meta.filename];
		const child = spawnSync("unshare", args, { env, encoding: "utf8", timeout: 150_000 });
		assert.equal(child.status, 0, child.stdout + child.stderr);
		assert.match(child.stdout, /# pass [1-9]/);
	});

function testsInside(): void {
	describe("Bookinfo under istiod", () => {
		let mesh: BookinfoMesh;
		before(async () => {
			mesh = await startBookinfoMesh();
		});
		after(() => mesh?.[Symbol.asyncDispose]());

		const reviewsThroughGateway = () => {
			const { gateway } = mesh.pods;
			return curl(gateway, `http://${gateway.ip}:8080/api/v1/products/0/reviews`);
		};

		test("a request goes from the gateway through three workloads", async () => {
			const { gateway } = mesh.pods;
			assert.equal(await status(gateway, `http://${gateway.ip}:8080/productpage`), "200");
			assert.match(await reviewsThroughGateway(), /"stars"/);
			assert.equal(await status(gateway, `http://${gateway.ip}:8080/elsewhere`), "404");
		});

		test("mutual TLS may be, then must be; certificates are istiod's", async () => {
			const { outside, productpage, reviews } = mesh.pods;
			const plain = `http://${productpage.ip}:9080/productpage`;
			assert.equal(await status(outside, plain), "200");
			await mesh.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: default }
spec: { mtls: { mode: STRICT } }`);
			assert.equal(await status(outside, plain), "000");
			assert.match(await reviewsThroughGateway(), /"stars"/);
			assert.match(await reviews.admin("/certs"), /spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews-v3/);
		});

		test("who may do what is decided by the caller's certificate", async () => {
			const { productpage, reviews } = mesh.pods;
			await mesh.apply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ratings, namespace: default }
spec:
  selector: { matchLabels: { app: ratings } }
  rules:
  - from: [{ source: { principals: ["cluster.local/ns/default/sa/reviews-v3"] } }]
    to: [{ operation: { methods: [GET], paths: ["/ratings/*"] } }]`);
			const ratings = `http://${await mesh.serviceIp("ratings")}:9080`;
			assert.equal(await status(reviews, `${ratings}/ratings/0`), "200");
			assert.equal(await status(reviews, `${ratings}/health`), "403");
			assert.equal(await curl(productpage, `${ratings}/ratings/0`), "RBAC: access denied");
		});

		test("routes, faults, retries, mirrors and subsets", async () => {
			const { productpage } = mesh.pods;
			await mesh.apply(ROUTING);
			const reviews = `http://${await mesh.serviceIp("reviews")}:9080/reviews/0`;
			assert.equal(await status(productpage, "-H", "end-user: jason", reviews), "418");
			const answer = await curl(productpage, "-i", "-H", "origin: http://a.test", reviews);
			assert.match(answer, /^x-route: default\r$/m);
			assert.match(answer, /^access-control-allow-origin: http:\/\/a\.test\r$/m);
		});

		gatewayTests(() => mesh);

		test("services outside of the mesh: by name, by address, as workloads, and none but those", async () => {
			const { outside, productpage } = mesh.pods;
			const server = `require("http").createServer((q, s) => s.end("outside " + q.headers.host)).listen(8000, () => console.log("up"))`;
			outside.start([process.execPath, "-e", server]);
			await eventually("the server outside", () => outside.log().includes("up"));
			await mesh.apply(outsideServices(outside.ip));
			const host = (name: string) => ["-H", `host: ${name}`];
			assert.equal(await curl(productpage, ...host("ext.test"), "http://10.96.200.1/"), "outside ext.test");
			assert.equal(await curl(productpage, "http://10.96.200.2:7000/"), "outside 10.96.200.2:7000");
			assert.equal(await curl(productpage, ...host("vm.test"), "http://10.96.200.3/"), "outside vm.test");
			assert.equal(await curl(productpage, `http://${outside.ip}:8000/`), `outside ${outside.ip}:8000`);
			await mesh.apply(ONLY_REVIEWS);
			assert.equal(await status(productpage, `http://${outside.ip}:8000/`), "000");
			assert.equal(await status(productpage, `http://${await mesh.serviceIp("details")}:9080/`), "502");
			assert.equal(await status(productpage, `http://${await mesh.serviceIp("reviews")}:9080/reviews/0`), "200");
		});

		test("metrics with labels of one's own, merged by the agent; access logs", async () => {
			const { reviews } = mesh.pods;
			await mesh.apply(TELEMETRY);
			await reviewsThroughGateway();
			const series = await curl(reviews, "http://127.0.0.1:15020/stats/prometheus");
			const own = series
				.split("\n")
				.filter((line) => line.startsWith("istio_requests_total") && line.includes('path="/'));
			assert.ok(
				own.some((line) => line.includes('reporter="destination"') && line.includes('source_app="productpage"')),
				series,
			);
			await eventually("the access log", () => /"GET \/reviews\/0 HTTP\/\d.*inbound\|9080\|\|/.test(reviews.log()));
		});

		test("nobody has said no", async () => {
			assert.deepEqual(mesh.refusals(), []);
			for (const pod of Object.values(mesh.pods)) {
				if (pod === mesh.pods.outside) continue;
				assert.doesNotMatch(await pod.admin("/stats?filter=update_rejected"), /: [1-9]/);
			}
		});
	});
}

const ROUTING = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http:
  - match: [{ headers: { end-user: { exact: jason } } }]
    fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
    route: [{ destination: { host: reviews, subset: v3 } }]
  - headers: { response: { add: { x-route: default } } }
    timeout: 3s
    retries: { attempts: 2, perTryTimeout: 1s, retryOn: 5xx }
    mirror: { host: ratings, port: { number: 9080 } }
    mirrorPercentage: { value: 100 }
    corsPolicy: { allowOrigins: [{ exact: "http://a.test" }], allowMethods: [GET] }
    route:
    - { destination: { host: reviews, subset: v3 }, weight: 100 }
    - { destination: { host: reviews, subset: v1 }, weight: 0 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: default }
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      tcp: { maxConnections: 10, connectTimeout: 1s, tcpKeepalive: { time: 60s } }
      http: { http2MaxRequests: 100, maxRequestsPerConnection: 10, idleTimeout: 30s, h2UpgradePolicy: UPGRADE }
    outlierDetection: { consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 100 }
    loadBalancer: { consistentHash: { httpHeaderName: x-user } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v3, labels: { version: v3 } }]`;

const outsideServices = (ip: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ext, namespace: default }
spec:
  hosts: [ext.test]
  addresses: [10.96.200.1]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8000 }]
  resolution: STATIC
  endpoints: [{ address: ${ip} }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ext-tcp, namespace: default }
spec:
  hosts: [exttcp.test]
  addresses: [10.96.200.2]
  ports: [{ number: 7000, name: tcp, protocol: TCP, targetPort: 8000 }]
  resolution: STATIC
  endpoints: [{ address: ${ip} }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, namespace: default, labels: { app: vm } }
spec: { address: ${ip}, labels: { app: vm }, ports: { http: 8000 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: vm, namespace: default }
spec:
  hosts: [vm.test]
  addresses: [10.96.200.3]
  location: MESH_INTERNAL
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  workloadSelector: { labels: { app: vm } }`;

const ONLY_REVIEWS = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec:
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  egress: [{ hosts: ["./reviews.default.svc.cluster.local", "./ratings.default.svc.cluster.local"] }]`;

const TELEMETRY = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: labels, namespace: istio-system }
spec:
  accessLogging: [{ providers: [{ name: envoy }] }]
  metrics:
  - providers: [{ name: prometheus }]
    overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { path: { value: request.path } } }]`;
