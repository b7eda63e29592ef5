import assert from "node:assert/strict";
import { randomBytes, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { createTestAuthority, type TestCertificate } from "../../../test/support/certificates.ts";
import { ProblemError } from "../../lib/problem.ts";
import { DownstreamTlsContext_OcspStaplePolicy as Policy } from "../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { downstream, inline, listen, type TlsServer, tlsDeps } from "./tls-fixture.ts";
import { DER } from "./verify/der.ts";

let ca: TestCertificate;
let server: TestCertificate;
const open: TlsServer[] = [];

before(async () => {
	ca = await createTestAuthority();
	server = await ca.issue({ sans: ["server.test"] });
});
after(async () => {
	for (const one of open) await one.close();
});

const bytes = (value: Uint8Array) => ({ specifier: { case: "inlineBytes" as const, value } });
const identity = (more: object = {}) => ({
	certificateChain: inline(server.chainPem),
	privateKey: inline(server.keyPem),
	...more,
});

async function serve(init: Parameters<typeof downstream>[1]) {
	const deps = tlsDeps();
	const tls = downstream(deps, init);
	const listening = await listen(() => tls);
	open.push(listening);
	return {
		port: listening.port,
		count: (name: string) => deps.registry.scope("listener.test.").counter(`ssl.${name}`).value,
	};
}

interface Visit {
	readonly reused: boolean;
	readonly session: Buffer | undefined;
}

/** Greets, with a session of an earlier visit. */
function visit(port: number, session?: Buffer): Promise<Visit> {
	return new Promise((resolve, reject) => {
		let ticket: Buffer | undefined;
		const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...(session && { session }) });
		socket.on("session", (one: Buffer) => {
			ticket = one;
		});
		socket.on("secureConnect", () => socket.write("hello"));
		socket.on("data", () => {
			const reused = socket.isSessionReused();
			socket.destroy();
			resolve({ reused, session: ticket });
		});
		socket.on("error", reject);
	});
}

test("tickets of older keys are opened and sealed anew with the first; those of unknown keys cost a handshake", async () => {
	const [old, current] = [randomBytes(80), randomBytes(80)];
	const withKeys = (...keys: Buffer[]) =>
		serve({
			commonTlsContext: { tlsCertificates: [identity()] },
			sessionTicketKeysType: { case: "sessionTicketKeys", value: { keys: keys.map(bytes) } },
		});
	const before = await withKeys(old);
	const rotated = await withKeys(current, old);
	const later = await withKeys(current);
	const first = await visit(before.port);
	assert.equal((await visit(later.port, first.session)).reused, false);
	const second = await visit(rotated.port, first.session);
	assert.equal(second.reused, true);
	assert.equal((await visit(later.port, second.session)).reused, true);
	assert.equal(rotated.count("session_reused"), 1);
});

test("no tickets where resumption without state is off; other contexts' tickets open none", async () => {
	const context = { tlsCertificates: [identity()] };
	const none = await serve({
		commonTlsContext: context,
		sessionTicketKeysType: { case: "disableStatelessSessionResumption", value: true },
	});
	const first = await visit(none.port);
	assert.equal((await visit(none.port, first.session)).reused, false);
	const [one, other] = [await serve({ commonTlsContext: context }), await serve({ commonTlsContext: context })];
	const seen = await visit(one.port);
	assert.equal((await visit(one.port, seen.session)).reused, true);
	assert.equal((await visit(other.port, seen.session)).reused, false);
});

/** One DER element. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
	const content = Buffer.concat(parts);
	const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
	return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** An OCSP response (RFC 6960 4.2.1) about a certificate; nobody here looks at its signature. */
function ocspResponse(about: TestCertificate, nextUpdate: string | undefined): Buffer {
	const serial = Buffer.from(new X509Certificate(about.certPem).serialNumber, "hex");
	const integer = der(DER.integer, serial[0]! > 127 ? Buffer.concat([Buffer.from([0]), serial]) : serial);
	const algorithm = der(DER.sequence, der(DER.oid, Buffer.from("2b0e03021a", "hex")));
	const time = (text: string) => der(0x18, Buffer.from(text));
	const id = der(
		DER.sequence,
		algorithm,
		der(DER.octetString, Buffer.alloc(20)),
		der(DER.octetString, Buffer.alloc(20)),
		integer,
	);
	const single = der(
		DER.sequence,
		id,
		der(0x80),
		time("20260101000000Z"),
		...(nextUpdate ? [der(0xa0, time(nextUpdate))] : []),
	);
	const data = der(
		DER.sequence,
		der(0xa2, der(DER.octetString, Buffer.alloc(20))),
		time("20260101000000Z"),
		der(DER.sequence, single),
	);
	const basic = der(DER.sequence, data, algorithm, der(DER.bitString, Buffer.from([0, 1])));
	const body = der(DER.sequence, der(DER.oid, Buffer.from("2b0601050507300101", "hex")), der(DER.octetString, basic));
	return der(DER.sequence, der(0x0a, Buffer.from([0])), der(0xa0, body));
}

/** The staple that a client is given; "none", or "refused" when there is no connection. */
function askForStaple(port: number): Promise<Buffer | "none" | "refused"> {
	return new Promise((resolve) => {
		let staple: Buffer | "none" = "none";
		const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, requestOCSP: true });
		socket.on("OCSPResponse", (response: Buffer | null) => {
			if (response) staple = response;
		});
		socket.on("secureConnect", () => {
			socket.destroy();
			resolve(staple);
		});
		socket.on("error", () => resolve("refused"));
	});
}

test("a staple in date is shown; one out of date is left out, or ends the handshake where the policy says so", async () => {
	const fresh = ocspResponse(server, "20990101000000Z");
	const old = ocspResponse(server, "20200101000000Z");
	const silent = ocspResponse(server, undefined);
	const ask = async (staple: Buffer | undefined, ocspStaplePolicy: Policy) => {
		const more = staple ? { ocspStaple: bytes(staple) } : {};
		const { port, count } = await serve({ ocspStaplePolicy, commonTlsContext: { tlsCertificates: [identity(more)] } });
		const seen = await askForStaple(port);
		const counts = ["responses", "omitted", "failed"].filter((name) => count(`ocsp_staple_${name}`) > 0);
		return [Buffer.isBuffer(seen) ? seen.equals(staple!) : seen, ...counts];
	};
	assert.deepEqual(await ask(fresh, Policy.LENIENT_STAPLING), [true, "responses"]);
	assert.deepEqual(await ask(old, Policy.LENIENT_STAPLING), ["none", "omitted"]);
	assert.deepEqual(await ask(silent, Policy.LENIENT_STAPLING), ["none", "omitted"]);
	assert.deepEqual(await ask(old, Policy.STRICT_STAPLING), ["refused", "failed"]);
	assert.deepEqual(await ask(undefined, Policy.STRICT_STAPLING), ["none"]);
	assert.deepEqual(await ask(fresh, Policy.MUST_STAPLE), [true, "responses"]);
	assert.deepEqual(await ask(old, Policy.MUST_STAPLE), ["refused", "failed"]);
});

test("a staple of another certificate, a broken one, and a missing one are told", async () => {
	const other = await ca.issue({ sans: ["other.test"] });
	const told = async (staple: Buffer | undefined, policy: Policy = Policy.LENIENT_STAPLING) => {
		try {
			const more = staple ? { ocspStaple: bytes(staple) } : {};
			await serve({ ocspStaplePolicy: policy, commonTlsContext: { tlsCertificates: [identity(more)] } });
			return "nothing";
		} catch (error) {
			assert.ok(error instanceof ProblemError);
			return error.problems.map(({ path }) => path).join();
		}
	};
	const at = "common_tls_context.tls_certificates[0].ocsp_staple";
	assert.equal(await told(ocspResponse(other, undefined)), at);
	assert.equal(await told(Buffer.from("nonsense")), at);
	assert.equal(await told(undefined, Policy.MUST_STAPLE), at);
	assert.equal(await told(undefined), "nothing");
});
