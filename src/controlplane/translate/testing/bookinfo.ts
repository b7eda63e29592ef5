import type { MeshConfig } from "../../model/mesh-config.ts";
import { MeshFixture } from "../../model/testing/mesh-fixture.ts";

const deployment = (app: string, version: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${app}-${version} }
spec:
  template:
    metadata: { labels: { app: ${app}, version: ${version} } }
    spec: { containers: [{ name: ${app}, ports: [{ containerPort: 9080 }] }] }
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
spec: { selector: { istio: ingressgateway }, ports: [{ port: 80, targetPort: 8080, name: http2 }, { port: 443, targetPort: 8443, name: https }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec:
  template:
    metadata: { labels: { app: istio-ingressgateway, istio: ingressgateway } }
    spec: { containers: [{ name: istio-proxy }] }
`;

/** Bookinfo's services and pods and an ingress gateway, without rules. */
export function bookinfo(mesh: Partial<MeshConfig> = {}): MeshFixture {
	const apps = { productpage: ["v1"], details: ["v1"], ratings: ["v1"], reviews: ["v1", "v2", "v3"] };
	const fixture = new MeshFixture(mesh);
	for (const [app, versions] of Object.entries(apps))
		fixture.apply([service(app), ...versions.map((v) => deployment(app, v))].join("---"));
	return fixture.apply(GATEWAY);
}

/** A rule's YAML from its spec in flow style. */
export function rule(kind: string, name: string, spec: string): string {
	return `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
}
