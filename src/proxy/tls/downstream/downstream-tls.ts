import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, Server, type TLSSocket } from "node:tls";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import { LiveMaterial } from "../context/live-material.ts";
import {
	type CertificateChoice,
	certificatesFor,
	chooseCertificates,
	sessionContext,
	sharedOptions,
	ticketKeysFrom,
	ticketKeysOf,
} from "../context/secure-contexts.ts";
import { openTicketsWith, TicketKeys } from "../context/ticket-keys.ts";
import type { ClientHello } from "../hello/client-hello.ts";
import { readOffer } from "../hello/read-offer.ts";
import { KeyLog } from "../key-log.ts";
import type { CertificateMaterial } from "../secret/certificate-material.ts";
import type { TlsDeps } from "../tls-deps.ts";
import { NO_CERTIFICATE_REASON, NO_SECRET_REASON, tlsErrorReason, verifyFailureReason } from "../tls-failure.ts";
import { SocketTlsInfo } from "../tls-info.ts";
import { TlsStats } from "../tls-stats.ts";
import { PeerVerifier, type Verdict } from "../verify/peer-verifier.ts";
import type { DownstreamTlsConfig } from "./downstream-config.ts";
import { encodeProtocols, type ServerTerms, shakeHands } from "./server-handshake.ts";

/** One of the two is called, once. */
export interface Handshake {
	/** `secure` carries the plaintext. */
	onSecure(secure: TLSSocket): void;
	/** The socket is gone; `reason` is what %DOWNSTREAM_TRANSPORT_FAILURE_REASON% prints. */
	onFailure(reason: string): void;
}

/** What new handshakes are made with; replaced whole when a secret changes. */
interface InForce {
	readonly choice: CertificateChoice;
	readonly verifier: PeerVerifier | undefined;
	/** By the certificates that they show; made when somebody asks for them. */
	readonly terms: Map<readonly CertificateMaterial[], ServerTerms>;
}

/** A handshake that has come to its end. */
interface Shaken {
	readonly secure: TLSSocket;
	readonly connection: ConnectionInfo;
	readonly handshake: Handshake;
	readonly verifier: PeerVerifier | undefined;
}

/** The TLS end of a filter chain: shakes hands on accepted sockets by its context, with the certificates that are in force then. */
export class DownstreamTls {
	readonly #config: DownstreamTlsConfig;
	readonly #deps: TlsDeps;
	readonly #stats: TlsStats;
	readonly #material: LiveMaterial;
	readonly #tickets: TicketKeys | undefined;
	readonly #keyLog: KeyLog | undefined;
	readonly #protocols: Buffer | undefined;
	#inForce: InForce | undefined = undefined;

	/** `statPrefix`: of the listener, with its closing dot. */
	constructor(config: DownstreamTlsConfig, deps: TlsDeps, statPrefix: string) {
		this.#config = config;
		this.#deps = deps;
		this.#stats = new TlsStats(deps.metrics.scope(statPrefix), "server");
		const { common, tickets } = config;
		this.#protocols = encodeProtocols(common.alpn);
		this.#keyLog = common.keyLogPath === undefined ? undefined : new KeyLog(common.keyLogPath, deps.logger);
		this.#tickets = tickets.kind === "none" ? undefined : new TicketKeys(tickets, deps, () => this.#build());
		this.#material = new LiveMaterial(common, deps, () => {
			this.#stats.updatedBySds.inc();
			this.#build();
		});
		this.#build();
		deps.contexts.add(this);
	}

	/** False while a secret is missing: handshakes are refused. */
	get ready(): boolean {
		return this.#inForce !== undefined;
	}

	/** All secrets are there, or were waited for long enough. */
	get settled(): boolean {
		return this.#material.settled;
	}

	/** Calls `task` once, when all secrets are there or were waited for long enough: the listener may open. */
	whenSettled(task: () => void): void {
		this.#material.whenSettled(task);
	}

	/** Certificates in force, for `/certs`. */
	certificates(): readonly CertificateMaterial[] {
		return this.#material.certificates.filter((one) => one !== undefined);
	}

	/** The validation context in force. */
	validation(): LiveMaterial["validation"] {
		return this.#material.validation;
	}

	accept(socket: Socket, connection: ConnectionInfo, handshake: Handshake): void {
		if (!this.#inForce) {
			this.#stats.secretsNotReady.inc();
			handshake.onFailure(NO_SECRET_REASON);
			socket.destroy();
			return;
		}
		if (this.#readsOffers)
			readOffer(
				socket,
				(hello) => this.#start(socket, connection, handshake, hello),
				() => {
					this.#stats.connectionError.inc();
					handshake.onFailure("");
				},
			);
		else this.#start(socket, connection, handshake, undefined);
	}

	/** No new handshakes; running connections stay. */
	close(): void {
		this.#deps.contexts.delete(this);
		this.#material.close();
		this.#tickets?.close();
		this.#keyLog?.close();
	}

	/**
	 * OpenSSL in Node ends a handshake without a common protocol, where Envoy goes on without one, and cannot choose among certificates of
	 * several names and key types: where either matters the offer is read before.
	 */
	get #readsOffers(): boolean {
		return this.#config.common.alpn.length > 0 || this.#material.certificates.length > 1;
	}

	#start(socket: Socket, connection: ConnectionInfo, handshake: Handshake, hello: ClientHello | undefined): void {
		const terms = this.#termsFor(hello?.serverName);
		const { verifier } = this.#inForce!;
		const { alpn } = this.#config.common;
		const protocols = hello?.protocols?.some((name) => alpn.includes(name)) ? this.#protocols : undefined;
		// A client that ends its side in the middle of a handshake is gone; afterwards it may do so (`#shaken`).
		socket.allowHalfOpen = false;
		const secure = shakeHands(socket, terms, protocols, {
			onShaken: () => this.#shaken({ secure, connection, handshake, verifier }),
			onFailed: (_secure, error) => this.#failed(error, handshake),
		});
		if (this.#keyLog) secure.on("keylog", (line: Buffer) => this.#keyLog?.write(line));
	}

	/** What clients of a name are shown; undefined: the client has said none. */
	#termsFor(name: string | undefined): ServerTerms {
		const { choice, verifier, terms } = this.#inForce!;
		const chosen = name === undefined ? choice.unnamed : (certificatesFor(name, choice) ?? choice.unmatched);
		let found = terms.get(chosen);
		if (!found) {
			found = this.#makeTerms(chosen, verifier);
			terms.set(chosen, found);
		}
		return found;
	}

	/** Terms of what is in force now; handshakes that run keep theirs. */
	#build(): void {
		const ready = this.#material?.ready && (this.#tickets?.ready ?? true);
		if (!ready) return;
		const verifier = this.#makeVerifier();
		if (verifier === null) return;
		const choice = chooseCertificates(this.certificates(), this.#config.fullScan);
		this.#inForce = { choice, verifier, terms: new Map() };
		this.#termsFor(undefined);
		this.#tellExpirations();
	}

	/** Null when the revocation list cannot be read: what was in force stays. */
	#makeVerifier(): PeerVerifier | undefined | null {
		const { validation } = this.#material;
		if (!validation) return undefined;
		try {
			return new PeerVerifier(validation, () => this.#deps.clock.epochMs());
		} catch (error) {
			this.#deps.logger.warn({ reason: (error as Error).message }, "the revocation list is refused");
			return null;
		}
	}

	#makeTerms(certificates: readonly CertificateMaterial[], verifier: PeerVerifier | undefined): ServerTerms {
		const { requireClientCertificate, preferClientCiphers, sessionTimeoutS } = this.#config;
		const options = {
			...this.#contextOptions(certificates, verifier),
			cert: certificates.map(({ certPem }) => certPem),
			key: certificates.map(({ keyPem }) => keyPem),
			honorCipherOrder: !preferClientCiphers,
			...(sessionTimeoutS !== undefined && { sessionTimeout: sessionTimeoutS }),
		};
		const context = createSecureContext(options);
		const keys = this.#tickets?.keys ?? [];
		if (keys.length > 1) openTicketsWith(context, keys.map(ticketKeysFrom));
		return {
			context,
			stapler: this.#makeStapler(options, certificates),
			requestCert: this.#requestsCertificate(verifier),
			demandCert: requireClientCertificate && verifier?.chainErrorsAreFinal === true,
		};
	}

	#contextOptions(certificates: readonly CertificateMaterial[], verifier: PeerVerifier | undefined) {
		const { common } = this.#config;
		const rules = JSON.stringify([this.#config.requireClientCertificate, common.algorithms, common.alpn]);
		const context = sessionContext(certificates, this.#material.validation, rules);
		const [key] = this.#tickets?.keys ?? [];
		// A ticket does not hold the peer's chain, which some rules need.
		const resumable = this.#tickets !== undefined && verifier?.needsChain !== true;
		return {
			...sharedOptions(common.algorithms, this.#material.validation),
			sessionIdContext: context,
			ticketKeys: key ? ticketKeysFrom(key) : ticketKeysOf(this.#deps.ticketSecret, context),
			secureOptions: resumable ? 0 : constants.SSL_OP_NO_TICKET,
		};
	}

	/** Node asks a server for staples; it serves nothing else here. */
	#makeStapler(options: SecureContextOptions, certificates: readonly CertificateMaterial[]): Server | undefined {
		if (!certificates.some(({ ocspStaple, demandsStaple }) => ocspStaple || demandsStaple)) return undefined;
		const server = new Server(options);
		server.on(
			"OCSPRequest",
			(shown: Buffer, _issuer: Buffer, done: (error: Error | null, staple: Buffer | null) => void) => {
				this.#stats.ocspStapleRequests.inc();
				const certificate = certificates.find(({ leaf }) => leaf.raw.equals(shown));
				const staple = certificate && this.#stapleOf(certificate);
				if (staple === "refused") {
					this.#stats.ocspStapleFailed.inc();
					done(new Error("there is no OCSP response in date, and the policy demands one"), null);
					return;
				}
				(staple ? this.#stats.ocspStapleResponses : this.#stats.ocspStapleOmitted).inc();
				done(null, staple ?? null);
			},
		);
		return server;
	}

	/** Envoy: ocspStapleAction. */
	#stapleOf({ ocspStaple, demandsStaple }: CertificateMaterial): Buffer | "refused" | undefined {
		const inDate = (ocspStaple?.nextUpdateMs ?? 0) >= this.#deps.clock.epochMs();
		if (ocspStaple && inDate) return ocspStaple.der;
		const { stapling } = this.#config;
		if (demandsStaple || stapling === "must") return "refused";
		return stapling === "strict" && ocspStaple ? "refused" : undefined;
	}

	#shaken({ secure, connection, handshake, verifier }: Shaken): void {
		const leaf = this.#requestsCertificate(verifier) ? secure.getPeerX509Certificate() : undefined;
		const verdict = this.#judge(secure, leaf, verifier);
		const sni = secure.servername || undefined;
		const validated = verdict.ok && verdict.validated;
		connection.transportProtocol = "tls";
		connection.tls = new SocketTlsInfo(secure, sni, { leaf, validated, authorities: verifier?.material.ca });
		if (!verdict.ok) {
			this.#refuse(secure, verdict, handshake);
			return;
		}
		if (verdict.doubt) this.#stats.countRefusal(verdict.doubt);
		this.#count(secure, leaf === undefined);
		connection.applicationProtocol = connection.tls.alpn;
		secure.allowHalfOpen = true;
		handshake.onSecure(secure);
	}

	#requestsCertificate(verifier: PeerVerifier | undefined): boolean {
		return verifier !== undefined || this.#config.requireClientCertificate;
	}

	#judge(
		secure: TLSSocket,
		leaf: ReturnType<TLSSocket["getPeerX509Certificate"]>,
		verifier: PeerVerifier | undefined,
	): Verdict {
		if (!leaf && this.#config.requireClientCertificate) return { ok: false, kind: "fail_verify_no_cert", detail: "" };
		if (!verifier) return { ok: true, validated: false };
		return verifier.verify({ leaf, chainError: leaf ? errorCode(secure) : undefined });
	}

	#refuse(secure: TLSSocket, verdict: Extract<Verdict, { ok: false }>, handshake: Handshake): void {
		secure.on("error", () => {});
		secure.destroy();
		this.#stats.countRefusal(verdict.kind);
		handshake.onFailure(
			verdict.kind === "fail_verify_no_cert" ? NO_CERTIFICATE_REASON : verifyFailureReason(verdict.detail),
		);
	}

	#failed(error: Error, handshake: Handshake): void {
		const reason = tlsErrorReason(error);
		if (reason === NO_CERTIFICATE_REASON) this.#stats.countRefusal("fail_verify_no_cert");
		else this.#stats.connectionError.inc();
		handshake.onFailure(reason);
	}

	#count(secure: TLSSocket, noCertificate: boolean): void {
		const { name } = (secure.getEphemeralKeyInfo() as { name?: string }) ?? {};
		this.#stats.countHandshake(secure.getProtocol() ?? "", secure.getCipher().name, name);
		if (secure.isSessionReused()) this.#stats.sessionReused.inc();
		if (noCertificate) this.#stats.noCertificate.inc();
	}

	#tellExpirations(): void {
		for (const { leaf } of this.certificates())
			this.#stats.setExpiration("unnamed_cert_e3b0c442", Math.floor(leaf.validToDate.getTime() / 1000));
		const [authority] = this.#material.validation?.ca ?? [];
		if (authority)
			this.#stats.setExpiration("unnamed_ca_cert_e3b0c442", Math.floor(authority.validToDate.getTime() / 1000));
	}
}

/** The name of the error that OpenSSL found in the peer's chain. */
function errorCode(secure: TLSSocket): string | undefined {
	const { _handle: handle } = secure as unknown as { readonly _handle: VerifyingHandle | null };
	return handle?.verifyError()?.code;
}

/** Node's handle of a TLS socket; its own TLS server asks it the same. */
interface VerifyingHandle {
	verifyError(): NodeJS.ErrnoException | null | undefined;
}
