import { createServer, type Server } from "node:http";
import { MeshFixture } from "../../src/controlplane/model/testing/mesh-fixture.ts";

/** Addresses of these tests: a block of 127/8 that no mesh uses, one /24 for each test process. */
export function addressesOfProcess(): () => string {
	const third = process.pid % 250;
	let next = 0;
	return () => `127.254.${third}.${++next}`;
}

const workload = (app: string, version: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${app}-${version} }
spec:
  template:
    metadata: { labels: { app: ${app}, version: ${version} } }
    spec: { serviceAccountName: bookinfo-${app}, containers: [{ name: ${app}, ports: [{ containerPort: 9080 }] }] }
`;

const service = (app: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${app} }
spec: { selector: { app: ${app} }, ports: [{ port: 9080, name: http }] }
`;

const GATEWAY = `
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec: { selector: { istio: ingressgateway }, ports: [{ port: 80, targetPort: 8080, name: http2 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec:
  template:
    metadata: { labels: { app: istio-ingressgateway, istio: ingressgateway } }
    spec: { containers: [{ name: istio-proxy }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: bookinfo-gateway }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bookinfo }
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http:
  - match: [{ uri: { exact: /productpage } }, { uri: { prefix: /static } }]
    route: [{ destination: { host: productpage, port: { number: 9080 } } }]
`;

export const REVIEWS_RULE = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  subsets:
  - { name: v1, labels: { version: v1 } }
  - { name: v2, labels: { version: v2 } }
  - { name: v3, labels: { version: v3 } }
`;

/** Bookinfo with real addresses; every pod of it can be served by `serveBookinfo`. */
export function bookinfoFixture(nextPodIp: () => string): MeshFixture {
	const fixture = new MeshFixture({ accessLogFile: "/dev/stdout" });
	fixture.nextPodIp = nextPodIp;
	fixture.apply([service("productpage"), workload("productpage", "v1")].join("---"));
	fixture.apply([service("reviews"), ...["v1", "v2", "v3"].map((v) => workload("reviews", v))].join("---"));
	return fixture.apply(GATEWAY).apply(REVIEWS_RULE);
}

export interface EchoAnswer {
	readonly pod: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
}

/** An HTTP server that says who it is and what it was asked. */
export async function serveEcho(pod: string, host: string, port: number): Promise<Server> {
	const server = createServer((request, response) => {
		const answer: EchoAnswer = { pod, path: request.url ?? "", headers: request.headers as Record<string, string> };
		response.setHeader("content-type", "application/json");
		response.end(JSON.stringify(answer));
	});
	await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
	return server;
}

/** Echo servers on the addresses of the pods that are named. */
export async function serveBookinfo(fixture: MeshFixture, deployments: readonly string[]): Promise<readonly Server[]> {
	return Promise.all(deployments.map((name) => serveEcho(name, podIp(fixture, name), 9080)));
}

export function podIp(fixture: MeshFixture, deployment: string, namespace?: string): string {
	return (fixture.pod(deployment, namespace).status as { podIP: string }).podIP;
}
