import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { Server, type TLSSocket } from "node:tls";
import type { ConnectionInfo } from "../http/connection-info.ts";
import { LiveMaterial } from "./context/live-material.ts";
import {
	type CertificateChoice,
	certificatesFor,
	chooseCertificates,
	sessionContext,
	sharedOptions,
	ticketKeysFrom,
	ticketKeysOf,
} from "./context/secure-contexts.ts";
import { TicketKeys } from "./context/ticket-keys.ts";
import type { DownstreamTlsConfig } from "./downstream-config.ts";
import type { ClientHello } from "./hello/client-hello.ts";
import { readOffer } from "./hello/read-offer.ts";
import { KeyLog } from "./key-log.ts";
import type { CertificateMaterial } from "./secret/certificate-material.ts";
import type { TlsDeps } from "./tls-deps.ts";
import { NO_CERTIFICATE_REASON, NO_SECRET_REASON, tlsErrorReason, verifyFailureReason } from "./tls-failure.ts";
import { SocketTlsInfo } from "./tls-info.ts";
import { TlsStats } from "./tls-stats.ts";
import { PeerVerifier, type Verdict } from "./verify/peer-verifier.ts";

/** One of the two is called, once. */
export interface Handshake {
	/** `secure` carries the plaintext. */
	onSecure(secure: TLSSocket): void;
	/** The socket is gone; `reason` is what %DOWNSTREAM_TRANSPORT_FAILURE_REASON% prints. */
	onFailure(reason: string): void;
}

/** One connection as its TLS server sees it: inherits from the server, so that the events of both sides of a handshake meet here. */
interface PendingServer extends Server {
	pending: { readonly connection: ConnectionInfo; readonly handshake: Handshake; done: boolean };
	ALPNProtocols: Buffer | undefined;
}

/** What new handshakes are made with; replaced whole when a secret changes. */
interface InForce {
	readonly choice: CertificateChoice;
	readonly verifier: PeerVerifier | undefined;
	/** By the certificates that they show; made when somebody asks for them. */
	readonly servers: Map<readonly CertificateMaterial[], Server>;
}

/** The TLS end of a filter chain: shakes hands on accepted sockets by its context, with the certificates that are in force then. */
export class DownstreamTls {
	readonly #config: DownstreamTlsConfig;
	readonly #deps: TlsDeps;
	readonly #stats: TlsStats;
	readonly #material: LiveMaterial;
	readonly #tickets: TicketKeys | undefined;
	readonly #keyLog: KeyLog | undefined;
	#inForce: InForce | undefined = undefined;

	/** `statPrefix`: of the listener, with its closing dot. */
	constructor(config: DownstreamTlsConfig, deps: TlsDeps, statPrefix: string) {
		this.#config = config;
		this.#deps = deps;
		this.#stats = new TlsStats(deps.metrics.scope(statPrefix), "server");
		const { common, tickets } = config;
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
		const own = Object.create(this.#serverFor(hello?.serverName)) as PendingServer;
		own.pending = { connection, handshake, done: false };
		const { alpn } = this.#config.common;
		if (!hello?.protocols?.some((name) => alpn.includes(name))) own.ALPNProtocols = undefined;
		// A client that ends its side in the middle of a handshake is gone; afterwards it may do so (`#shaken`).
		socket.allowHalfOpen = false;
		own.emit("connection", socket);
	}

	/** The server that shows the certificates for a name; undefined: the client has said none. */
	#serverFor(name: string | undefined): Server {
		const { choice, verifier, servers } = this.#inForce!;
		const chosen = name === undefined ? choice.unnamed : (certificatesFor(name, choice) ?? choice.unmatched);
		let server = servers.get(chosen);
		if (!server) {
			server = this.#makeServer(chosen, verifier);
			servers.set(chosen, server);
		}
		return server;
	}

	/** A server for what is in force now; handshakes that run keep theirs. */
	#build(): void {
		const ready = this.#material?.ready && (this.#tickets?.ready ?? true);
		if (!ready) return;
		const verifier = this.#makeVerifier();
		if (verifier === null) return;
		const choice = chooseCertificates(this.certificates(), this.#config.fullScan);
		this.#inForce = { choice, verifier, servers: new Map() };
		this.#serverFor(undefined);
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

	#makeServer(certificates: readonly CertificateMaterial[], verifier: PeerVerifier | undefined): Server {
		const { common, requireClientCertificate, preferClientCiphers, sessionTimeoutS } = this.#config;
		const requestCert = verifier !== undefined || requireClientCertificate;
		const server = new Server({
			...this.#contextOptions(certificates, verifier),
			cert: certificates.map(({ certPem }) => certPem),
			key: certificates.map(({ keyPem }) => keyPem),
			honorCipherOrder: !preferClientCiphers,
			...(sessionTimeoutS !== undefined && { sessionTimeout: sessionTimeoutS }),
			...(common.alpn.length > 0 && { ALPNProtocols: [...common.alpn] }),
			requestCert,
			// Only then does a client without a certificate get the alert that says so.
			rejectUnauthorized: requireClientCertificate && verifier?.chainErrorsAreFinal === true,
		});
		const self = this;
		server.on("secureConnection", function (this: unknown, secure: TLSSocket) {
			self.#shaken(this as PendingServer, secure, verifier);
		});
		server.on("tlsClientError", function (this: unknown, error: Error, secure: TLSSocket) {
			self.#failed(this as PendingServer, error, secure, verifier);
		});
		if (this.#keyLog) server.on("keylog", (line: Buffer) => this.#keyLog?.write(line));
		this.#staple(server, certificates);
		return server;
	}

	#contextOptions(certificates: readonly CertificateMaterial[], verifier: PeerVerifier | undefined) {
		const { common } = this.#config;
		const rules = JSON.stringify([this.#config.requireClientCertificate, common.algorithms, common.alpn]);
		const context = sessionContext(certificates, this.#material.validation, rules);
		const key = this.#tickets?.sealing;
		// A ticket does not hold the peer's chain, which some rules need.
		const resumable = this.#tickets !== undefined && verifier?.needsChain !== true;
		return {
			...sharedOptions(common.algorithms, this.#material.validation),
			sessionIdContext: context,
			ticketKeys: key ? ticketKeysFrom(key) : ticketKeysOf(this.#deps.ticketSecret, context),
			secureOptions: resumable ? 0 : constants.SSL_OP_NO_TICKET,
		};
	}

	#staple(server: Server, certificates: readonly CertificateMaterial[]): void {
		if (!certificates.some(({ ocspStaple }) => ocspStaple)) return;
		server.on(
			"OCSPRequest",
			(shown: Buffer, _issuer: Buffer, done: (error: Error | null, staple: Buffer | null) => void) => {
				this.#stats.ocspStapleRequests.inc();
				const staple = certificates.find(({ leaf }) => leaf.raw.equals(shown))?.ocspStaple ?? null;
				(staple ? this.#stats.ocspStapleResponses : this.#stats.ocspStapleOmitted).inc();
				done(null, staple);
			},
		);
	}

	#shaken({ pending }: PendingServer, secure: TLSSocket, verifier: PeerVerifier | undefined): void {
		if (pending.done) return;
		pending.done = true;
		const { connection, handshake } = pending;
		const leaf = this.#requestsCertificate(verifier) ? secure.getPeerX509Certificate() : undefined;
		const verdict = this.#judge(secure, leaf, verifier);
		const sni = secure.servername || undefined;
		if (!verdict.ok) {
			this.#refuse(secure, verdict, handshake);
			return;
		}
		if (verdict.doubt) this.#stats.countRefusal(verdict.doubt);
		this.#count(secure, leaf === undefined);
		connection.transportProtocol = "tls";
		connection.tls = new SocketTlsInfo(secure, sni, leaf, verdict.validated);
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

	#failed({ pending }: PendingServer, error: Error, secure: TLSSocket, verifier: PeerVerifier | undefined): void {
		if (pending.done) return;
		pending.done = true;
		secure.destroy();
		const reason = tlsErrorReason(error);
		const chainError = errorCode(secure);
		const leaf = chainError === undefined ? undefined : secure.getPeerX509Certificate();
		if (reason === NO_CERTIFICATE_REASON) this.#stats.countRefusal("fail_verify_no_cert");
		else if (reason === "" && chainError !== undefined && verifier) {
			// Node itself has cut the connection, because of what OpenSSL found.
			this.#stats.countRefusal("fail_verify_error");
			const verdict = leaf && verifier.verify({ leaf, chainError });
			const detail = verdict?.ok === false ? verdict.detail : verifier.wordsOf(chainError);
			pending.handshake.onFailure(verifyFailureReason(detail));
			return;
		} else this.#stats.connectionError.inc();
		pending.handshake.onFailure(reason);
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
	const error = secure.authorizationError as Error | string | null | undefined;
	if (!error) return undefined;
	return typeof error === "string" ? error : ((error as NodeJS.ErrnoException).code ?? error.message);
}
