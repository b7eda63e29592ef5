import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import type { BookinfoMesh } from "./bookinfo-mesh.ts";
import { curl, status } from "./curl.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const ISSUER = "test@issuer";

/** What istiod makes of a gateway's certificates, tokens and filters; `mesh` runs when the tests do. */
export function gatewayTests(mesh: () => BookinfoMesh): void {
	let folder: string;
	let authority: TestCertificate;
	let server: TestCertificate;
	const file = (name: string) => join(folder, name);

	before(async () => {
		folder = await mkdtemp(join(tmpdir(), "lateen-gateway-"));
		authority = await createTestAuthority();
		server = await authority.issue({ sans: ["shop.example.test", "pass.example.test"] });
		const client = await authority.issue({ sans: ["client.example.test"] });
		const files = { "ca.pem": authority.certPem, "client.pem": client.certPem, "client.key": client.keyPem };
		for (const [name, text] of Object.entries({ ...files, "server.pem": server.certPem, "server.key": server.keyPem }))
			await writeFile(file(name), text);
	});
	after(() => rm(folder, { recursive: true, force: true }));

	test("a gateway ends TLS with certificates that istiod sends, asks for the client's, or passes TLS on", async () => {
		const { gateway, outside } = mesh().pods;
		const pem = { key: file("server.key"), cert: file("server.pem") };
		outside.start([process.execPath, "-e", tlsServer(pem)]);
		await mesh().apply(gatewayRules({ ca: authority.certPem, server, outside: outside.ip }));
		const to = (port: number, host: string) => [
			...["--cacert", file("ca.pem"), "--resolve", `${host}:${port}:${gateway.ip}`],
			`https://${host}:${port}/api/v1/products`,
		];
		const shop = (port: number) => to(port, "shop.example.test");
		await eventually("the gateway's certificate", async () => (await status(outside, ...shop(8443))) === "200");
		assert.equal(await status(outside, ...shop(8444)), "000");
		const own = ["--cert", file("client.pem"), "--key", file("client.key")];
		assert.equal(await status(outside, ...own, ...shop(8444)), "200");
		assert.equal(await curl(outside, ...to(8445, "pass.example.test")), "passed on to pass.example.test:8445");
	});

	test("a certificate that changes is used from then on", async () => {
		const { gateway, outside } = mesh().pods;
		const next = await authority.issue({ subject: "CN=next", sans: ["shop.example.test"] });
		const { api } = mesh().istiod;
		const path = "/api/v1/namespaces/istio-system/secrets/shop";
		const data = { "tls.crt": base64(next.certPem), "tls.key": base64(next.keyPem) };
		await api.expect("PUT", path, { ...(await api.expect("GET", path)), data });
		const show = `echo | openssl s_client -connect ${gateway.ip}:8443 -servername shop.example.test 2>/dev/null | openssl x509 -noout -subject`;
		await eventually("the next certificate", async () =>
			(await outside.run(["sh", "-c", show]).catch(() => "")).includes("next"),
		);
	});

	test("tokens are checked, and their claims decide", async () => {
		const { gateway, outside } = mesh().pods;
		const { publicKey, privateKey } = await generateKeyPair("RS256");
		const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "RS256" }] });
		await mesh().apply(tokenRules(keys));
		const token = (role: string) =>
			new SignJWT({ role })
				.setProtectedHeader({ alg: "RS256", kid: "k" })
				.setIssuer(ISSUER)
				.setSubject("me")
				.setExpirationTime("1h")
				.sign(privateKey);
		const ask = (bearer?: string) =>
			status(
				outside,
				...(bearer === undefined ? [] : ["-H", `authorization: Bearer ${bearer}`]),
				`http://${gateway.ip}:8080/api/v1/products`,
			);
		assert.equal(await ask(), "403");
		assert.equal(await ask(await token("reader")), "200");
		assert.equal(await ask(await token("banned")), "403");
		assert.equal(await ask("x.y.z"), "401");
		const policies = "/apis/security.istio.io/v1/namespaces/istio-system/authorizationpolicies";
		await mesh().istiod.api.expect("DELETE", `${policies}/tokens`);
	});

	test("an EnvoyFilter puts a filter into the chain, written as a TypedStruct", async () => {
		const { productpage } = mesh().pods;
		await mesh().apply(LIMIT);
		const health = `http://${await mesh().serviceIp("reviews")}:9080/health`;
		const seen: string[] = [];
		for (let i = 0; i < 3; i++) seen.push(await status(productpage, health));
		assert.deepEqual(seen, ["200", "200", "429"]);
		const filters = "/apis/networking.istio.io/v1alpha3/namespaces/default/envoyfilters";
		await mesh().istiod.api.expect("DELETE", `${filters}/limit`);
	});
}

function tlsServer({ key, cert }: { readonly key: string; readonly cert: string }): string {
	const read = (path: string) => `require("fs").readFileSync(${JSON.stringify(path)})`;
	return `require("https").createServer({ key: ${read(key)}, cert: ${read(cert)} }, (q, s) => s.end("passed on to " + q.headers.host)).listen(9443)`;
}

function gatewayRules(on: { readonly ca: string; readonly server: TestCertificate; readonly outside: string }): string {
	const pair = `tls.crt: ${base64(on.server.certPem)}, tls.key: ${base64(on.server.keyPem)}`;
	return `
apiVersion: v1
kind: Secret
metadata: { name: shop, namespace: istio-system }
type: kubernetes.io/tls
data: { ${pair} }
---
apiVersion: v1
kind: Secret
metadata: { name: shop-mutual, namespace: istio-system }
type: Opaque
data: { ${pair}, ca.crt: ${base64(on.ca)} }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: tls, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers:
  - { port: { number: 8443, name: https, protocol: HTTPS }, hosts: [shop.example.test], tls: { mode: SIMPLE, credentialName: shop } }
  - { port: { number: 8444, name: mutual, protocol: HTTPS }, hosts: [shop.example.test], tls: { mode: MUTUAL, credentialName: shop-mutual } }
  - { port: { number: 8445, name: tls, protocol: TLS }, hosts: [pass.example.test], tls: { mode: PASSTHROUGH } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.example.test]
  gateways: [tls]
  http: [{ route: [{ destination: { host: productpage, port: { number: 9080 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: pass, namespace: default }
spec:
  hosts: [pass.example.test]
  gateways: [tls]
  tls: [{ match: [{ sniHosts: [pass.example.test], port: 8445 }], route: [{ destination: { host: pass.example.test, port: { number: 443 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: pass, namespace: default }
spec:
  hosts: [pass.example.test]
  ports: [{ number: 443, name: tls, protocol: TLS, targetPort: 9443 }]
  resolution: STATIC
  endpoints: [{ address: ${on.outside} }]`;
}

const tokenRules = (keys: string) => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  jwtRules: [{ issuer: ${ISSUER}, jwks: '${keys}', forwardOriginalToken: true }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tokens, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  action: DENY
  rules:
  - from: [{ source: { notRequestPrincipals: ["${ISSUER}/*"] } }]
    to: [{ operation: { paths: ["/api/*"], ports: ["8080"] } }]
  - when: [{ key: "request.auth.claims[role]", values: [banned] }]`;

const LIMIT = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: limit, namespace: default }
spec:
  workloadSelector: { labels: { app: reviews } }
  configPatches:
  - applyTo: HTTP_FILTER
    match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          value:
            stat_prefix: limiter
            token_bucket: { max_tokens: 2, tokens_per_fill: 2, fill_interval: 60s }
            filter_enabled: { runtime_key: a, default_value: { numerator: 100, denominator: HUNDRED } }
            filter_enforced: { runtime_key: b, default_value: { numerator: 100, denominator: HUNDRED } }`;
