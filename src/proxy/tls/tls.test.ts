import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { createSelfSigned, createTestAuthority, type TestCertificate } from "../../../test/support/certificates.ts";
import { SubjectAltNameMatcher_SanType as SanType } from "../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import { downstream, greet, inline, listen, type Seen, type TlsServer, tlsDeps, upstream } from "./tls-fixture.ts";

const SERVER_ID = "spiffe://cluster.local/ns/default/sa/server";
const CLIENT_ID = "spiffe://cluster.local/ns/default/sa/client";

let ca: TestCertificate;
let serverCert: TestCertificate;
let clientCert: TestCertificate;
let foreign: TestCertificate;
const open: TlsServer[] = [];

before(async () => {
	ca = await createTestAuthority();
	serverCert = await ca.issue({ sans: ["server.test", SERVER_ID] });
	clientCert = await ca.issue({ subject: "CN=client,OU=unit,O=org", sans: [CLIENT_ID, "client.test"] });
	foreign = await createSelfSigned({ sans: ["server.test", SERVER_ID] });
});

after(async () => {
	for (const server of open) await server.close();
});

const certificate = (from: TestCertificate) => ({
	certificateChain: inline(from.chainPem),
	privateKey: inline(from.keyPem),
});
const trust = (from: TestCertificate, more: object = {}) => ({
	validationContextType: {
		case: "validationContext" as const,
		value: { trustedCa: inline(from.certPem), ...more },
	},
});
const uri = (value: string, how: "exact" | "prefix" = "exact") => ({
	matchTypedSubjectAltNames: [{ sanType: SanType.URI, matcher: { matchPattern: { case: how, value } as const } }],
});

async function serve(init: Parameters<typeof downstream>[1], deps = tlsDeps()): Promise<TlsServer> {
	const tls = downstream(deps, init);
	const server = await listen(() => tls);
	open.push(server);
	return server;
}

function failureOf(seen: Seen): string {
	assert.ok("failure" in seen, "the connection should have failed");
	return seen.failure;
}

test("both sides of a mutual handshake know each other's names", async () => {
	const server = await serve({
		requireClientCertificate: true,
		commonTlsContext: {
			tlsCertificates: [certificate(serverCert)],
			...trust(ca, uri("spiffe://cluster.local/", "prefix")),
		},
	});
	const deps = tlsDeps();
	const client = upstream(deps, {
		sni: "server.test",
		commonTlsContext: { tlsCertificates: [certificate(clientCert)], ...trust(ca, uri(SERVER_ID)) },
	});
	const seen = await greet(client, server.port);
	assert.ok("echo" in seen, JSON.stringify(seen));
	assert.equal(seen.echo, "hello");
	assert.deepEqual(seen.tls?.peer?.uriSans, [SERVER_ID]);
	assert.equal(seen.tls?.peerValidated, true);
	const connection = server.outcomes[0] as ConnectionInfo;
	assert.equal(connection.tls?.peer?.subject, "O=org,OU=unit,CN=client");
	assert.deepEqual(connection.tls?.peer?.dnsSans, ["client.test"]);
	assert.equal(connection.tls?.local?.subject, "CN=server.test");
	assert.equal(connection.tls?.peerValidated, true);
	assert.equal(connection.tls?.sni, "server.test");
	assert.equal(connection.tls?.version, "TLSv1.2");
	assert.equal(deps.registry.scope("cluster.test.").counter("ssl.handshake").value, 1);
});

const refusals: [what: string, detail: string, client: () => object][] = [
	[
		"an unknown authority",
		"X509_verify_cert: certificate verification error at depth 0: unable to get local issuer certificate",
		() => trust(foreign),
	],
	["another name", `SAN matcher, certificate SANs are [server.test, ${SERVER_ID}]`, () => trust(ca, uri(CLIENT_ID))],
	["another digest", "cert hash and spki", () => trust(ca, { verifyCertificateHash: ["00".repeat(32)] })],
];
for (const [what, detail, client] of refusals)
	test(`a client refuses a server with ${what} before a byte is sent`, async () => {
		const server = await serve({ commonTlsContext: { tlsCertificates: [certificate(serverCert)] } });
		const seen = await greet(upstream(tlsDeps(), { sni: "server.test", commonTlsContext: client() }), server.port);
		assert.equal(
			failureOf(seen),
			`TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: ${detail}:TLS_error_end`,
		);
	});

test("a server that demands a certificate refuses clients without one, and foreign ones", async () => {
	const deps = tlsDeps();
	const server = await serve(
		{
			requireClientCertificate: true,
			commonTlsContext: { tlsCertificates: [certificate(serverCert)], ...trust(ca) },
		},
		deps,
	);
	const without = await greet(upstream(tlsDeps(), { commonTlsContext: {} }), server.port);
	assert.match(failureOf(without), /SSLV3_ALERT_HANDSHAKE_FAILURE/);
	const other = upstream(tlsDeps(), { commonTlsContext: { tlsCertificates: [certificate(foreign)] } });
	assert.equal(failureOf(await greet(other, server.port)), "");
	assert.match(String(server.outcomes[0]), /PEER_DID_NOT_RETURN_A_CERTIFICATE:peer did not provide required client/);
	assert.match(String(server.outcomes[1]), /unable to get local issuer certificate/);
	const scope = deps.registry.scope("listener.test.");
	assert.equal(scope.counter("ssl.fail_verify_no_cert").value, 1);
	assert.equal(scope.counter("ssl.fail_verify_error").value, 1);
	assert.equal(scope.counter("ssl.connection_error").value, 0);
});

test("a server without the client's protocols goes on without one", async () => {
	const server = await serve({
		commonTlsContext: { tlsCertificates: [certificate(serverCert)], alpnProtocols: ["h2", "http/1.1"] },
	});
	const agreed = async (alpnProtocols: string[]) => {
		const seen = await greet(upstream(tlsDeps(), { commonTlsContext: { alpnProtocols } }), server.port);
		assert.ok("echo" in seen, JSON.stringify(seen));
		return seen.tls?.alpn;
	};
	assert.equal(await agreed(["http/1.1", "h2"]), "h2");
	assert.equal(await agreed(["istio", "http/1.1"]), "http/1.1");
	assert.equal(await agreed(["foo"]), undefined);
	assert.equal((server.outcomes[1] as ConnectionInfo).applicationProtocol, "http/1.1");
});

test("the certificate is chosen by the server name", async () => {
	const other = await ca.issue({ sans: ["*.other.test"] });
	const server = await serve({
		commonTlsContext: { tlsCertificates: [certificate(serverCert), certificate(other)] },
	});
	const shown = async (sni: string) => {
		const seen = await greet(upstream(tlsDeps(), { sni, commonTlsContext: {} }), server.port);
		return "echo" in seen ? seen.tls?.peer?.subject : JSON.stringify(seen);
	};
	assert.equal(await shown("server.test"), "CN=server.test");
	assert.equal(await shown("a.other.test"), "CN=*.other.test");
	assert.equal(await shown("a.b.other.test"), "CN=server.test");
	assert.equal(await shown(""), "CN=server.test");
});

test("an expired certificate passes only where that is allowed, and only from a known authority", async () => {
	const past = { notBefore: new Date(Date.now() - 1e9), notAfter: new Date(Date.now() - 1e6) };
	const expired = await ca.issue({ sans: ["server.test"], ...past });
	const stranger = await createSelfSigned({ sans: ["server.test"], ...past });
	const ask = async (shown: TestCertificate, allowExpiredCertificate: boolean) => {
		const server = await serve({ commonTlsContext: { tlsCertificates: [certificate(shown)] } });
		const client = upstream(tlsDeps(), { commonTlsContext: trust(ca, { allowExpiredCertificate }) });
		const seen = await greet(client, server.port);
		return "echo" in seen ? "accepted" : seen.failure;
	};
	assert.match(await ask(expired, false), /certificate has expired/);
	assert.equal(await ask(expired, true), "accepted");
	assert.match(await ask(stranger, true), /unable to get local issuer certificate/);
});

for (const leafOnly of [false, true])
	test(`a revoked certificate is refused (only_verify_leaf_cert_crl: ${leafOnly})`, async () => {
		const revoked = await ca.issue({ sans: ["server.test"] });
		const list = await ca.revoke(revoked);
		const ask = async (shown: TestCertificate) => {
			const server = await serve({ commonTlsContext: { tlsCertificates: [certificate(shown)] } });
			const more = { crl: inline(list), onlyVerifyLeafCertCrl: leafOnly };
			const seen = await greet(upstream(tlsDeps(), { commonTlsContext: trust(ca, more) }), server.port);
			return "echo" in seen ? "accepted" : seen.failure;
		};
		assert.equal(await ask(serverCert), "accepted");
		assert.match(await ask(revoked), /certificate revoked/);
	});

for (const version of [3, 4] as const)
	test(`sessions are resumed in TLS 1.${version - 1}`, async () => {
		const server = await serve({
			requireClientCertificate: true,
			commonTlsContext: { tlsCertificates: [certificate(serverCert)], ...trust(ca) },
		});
		const client = upstream(tlsDeps(), {
			sni: "server.test",
			commonTlsContext: {
				tlsParams: { tlsMaximumProtocolVersion: version, tlsMinimumProtocolVersion: version },
				tlsCertificates: [certificate(clientCert)],
				...trust(ca, uri(SERVER_ID)),
			},
		});
		const first = await greet(client, server.port);
		const second = await greet(client, server.port);
		assert.ok("echo" in first && "echo" in second, JSON.stringify([first, second]));
		assert.deepEqual([first.reused, second.reused], [false, true]);
		assert.deepEqual(second.tls?.peer?.uriSans, [SERVER_ID]);
		assert.deepEqual((server.outcomes[1] as ConnectionInfo).tls?.peer?.uriSans, [CLIENT_ID]);
	});

test("a plaintext request on a TLS port is told as such", async () => {
	const server = await serve({ commonTlsContext: { tlsCertificates: [certificate(serverCert)] } });
	const answer = await fetch(`http://127.0.0.1:${server.port}/`).catch((error: Error) => error.message);
	assert.equal(answer, "fetch failed");
	assert.equal(server.outcomes[0], "TLS_error:|268435612:SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end");
});

test("a client that hangs up in the middle of a handshake leaves nothing behind", async () => {
	const server = await serve({ commonTlsContext: { tlsCertificates: [certificate(serverCert)] } });
	// The beginning of a handshake record that announces more than comes.
	const socket = connect(server.port, "127.0.0.1", () => socket.end(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])));
	socket.resume();
	await new Promise((resolve) => socket.on("close", resolve));
	assert.deepEqual(server.outcomes, [""]);
});
