import type { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { LiveMaterial } from "../context/live-material.ts";
import { contextWith, sharedOptions } from "../context/secure-contexts.ts";
import { KeyLog } from "../key-log.ts";
import type { CertificateMaterial } from "../secret/certificate-material.ts";
import type { TlsDeps } from "../tls-deps.ts";
import { NO_SECRET_REASON, TlsFailure, tlsErrorReason, verifyFailureReason } from "../tls-failure.ts";
import { SocketTlsInfo } from "../tls-info.ts";
import { TlsStats } from "../tls-stats.ts";
import { PeerVerifier, type Verdict } from "../verify/peer-verifier.ts";
import type { ValidationMaterial } from "../verify/validation-material.ts";
import { connectOptions } from "./raw-transport.ts";
import { SessionCache } from "./session-cache.ts";
import type { UpstreamTlsConfig } from "./upstream-config.ts";
import type { Dialled, DialTarget, DialUser, TransportWishes, UpstreamTransport } from "./upstream-transport.ts";

/** What connections are made with; replaced whole when a secret changes. */
interface InForce {
	readonly context: SecureContext;
	readonly verifier: PeerVerifier | undefined;
	readonly sessions: SessionCache;
}

/** Wishes and configuration brought together for one connection. */
interface Terms {
	readonly sni: string;
	readonly names: readonly string[] | undefined;
	readonly alpn: readonly string[];
}

const UNASKED: Verdict = { ok: true, validated: false };
const NO_CERTIFICATE: Verdict = { ok: false, kind: "fail_verify_no_cert", detail: "the server showed no certificate" };

/** TLS to endpoints by an UpstreamTlsContext. A peer that is not verified never sees a byte of a request. */
export class UpstreamTls implements UpstreamTransport {
	readonly #config: UpstreamTlsConfig;
	readonly #deps: TlsDeps;
	readonly #stats: TlsStats;
	readonly #material: LiveMaterial;
	readonly #keyLog: KeyLog | undefined;
	closed = false;
	#inForce: InForce | undefined = undefined;

	/** `statPrefix`: of the cluster, with its closing dot. */
	constructor(config: UpstreamTlsConfig, deps: TlsDeps, statPrefix: string) {
		this.#config = config;
		this.#deps = deps;
		this.#stats = new TlsStats(deps.metrics.scope(statPrefix), "client");
		const { keyLogPath } = config.common;
		this.#keyLog = keyLogPath === undefined ? undefined : new KeyLog(keyLogPath, deps.logger);
		this.#material = new LiveMaterial(config.common, deps, () => {
			this.#stats.updatedBySds.inc();
			this.#build();
		});
		this.#build();
		deps.contexts.add(this);
	}

	get ready(): boolean {
		return this.#inForce !== undefined;
	}

	get negotiates(): boolean {
		return true;
	}

	/** The certificate in force. */
	certificates(): readonly CertificateMaterial[] {
		return this.#material.certificates.filter((one) => one !== undefined);
	}

	/** The validation context in force. */
	validation(): ValidationMaterial | undefined {
		return this.#material.validation;
	}

	whenSettled(task: () => void): void {
		this.#material.whenSettled(task);
	}

	keyOf(wishes: TransportWishes): string {
		const { serverName, hostname, names, alpn, fallbackAlpn } = wishes;
		if (!serverName && !names && !alpn && !fallbackAlpn && !(hostname && this.#config.autoHostSni)) return "";
		const terms = this.#termsOf(wishes);
		return `${terms.sni}|${terms.names?.join(",") ?? ""}|${terms.alpn.join(",")}`;
	}

	dial(target: DialTarget, wishes: TransportWishes, user: DialUser): Dialled {
		if (!this.#inForce) return this.#refuse(target);
		return { socket: this.#connect(connectOptions(target), wishes, user), readsByEvent: false };
	}

	/** TLS over a connected socket, on which something plain was sent before (PROXY protocol). */
	secure(socket: Socket, wishes: TransportWishes, user: DialUser): TLSSocket {
		return this.#connect({ socket }, wishes, user);
	}

	close(): void {
		this.closed = true;
		this.#deps.contexts.delete(this);
		this.#material.close();
		this.#keyLog?.close();
	}

	/** Without its secrets a connection fails at once, but not within the call. */
	#refuse(target: DialTarget): Dialled {
		this.#stats.secretsNotReady.inc();
		const socket = connectTcp(connectOptions(target));
		socket.destroy(new TlsFailure(NO_SECRET_REASON));
		return { socket, readsByEvent: false };
	}

	#termsOf({ serverName, hostname, names, alpn, fallbackAlpn }: TransportWishes): Terms {
		const { sni: configured, autoHostSni, autoSniSanValidation, common } = this.#config;
		const sni = serverName || (autoHostSni && hostname) || configured;
		const offered = alpn ?? (common.alpn.length > 0 ? common.alpn : (fallbackAlpn ?? []));
		return { sni, names: autoSniSanValidation && sni !== "" ? [sni] : names, alpn: offered };
	}

	#connect(options: ConnectionOptions, wishes: TransportWishes, user: DialUser): TLSSocket {
		const inForce = this.#inForce!;
		const terms = this.#termsOf(wishes);
		const key = sessionKey(terms);
		const known = inForce.sessions.take(key, this.#config.common.algorithms.maxVersion === "TLSv1.3");
		const socket = connect({
			...options,
			secureContext: inForce.context,
			// Node's own verdict is read and judged in `#shaken`.
			rejectUnauthorized: false,
			checkServerIdentity: () => undefined,
			...(terms.alpn.length > 0 && { ALPNProtocols: [...terms.alpn] }),
			...(terms.sni !== "" && isIP(terms.sni) === 0 && { servername: terms.sni }),
			...(known && { session: known.session }),
		});
		let accepted: X509Certificate | undefined;
		let shaken = false;
		socket.once("secureConnect", () => {
			shaken = true;
			const leaf = socket.getPeerX509Certificate() ?? (socket.isSessionReused() ? known?.leaf : undefined);
			const info = this.#shaken(socket, leaf, { terms, verifier: inForce.verifier });
			if (!info) return;
			accepted = leaf;
			user.onReady(info);
		});
		socket.on("error", (error: Error) => {
			if (!shaken && tlsErrorReason(error) !== "") this.#stats.connectionError.inc();
		});
		if (this.#config.maxSessionKeys > 0)
			socket.on("session", (session: Buffer) => {
				if (accepted) inForce.sessions.put(key, { session, leaf: accepted });
			});
		if (this.#keyLog) socket.on("keylog", (line: Buffer) => this.#keyLog?.write(line));
		return socket;
	}

	/** Judges the peer; undefined: it was refused and the connection is cut before a byte was sent. */
	#shaken(
		socket: TLSSocket,
		leaf: X509Certificate | undefined,
		{ terms, verifier }: { readonly terms: Terms; readonly verifier: PeerVerifier | undefined },
	): SocketTlsInfo | undefined {
		const verdict = leaf
			? (verifier?.verify({ leaf, chainError: errorCode(socket), names: terms.names }) ?? UNASKED)
			: NO_CERTIFICATE;
		if (!verdict.ok) {
			this.#stats.countRefusal(verdict.kind);
			socket.destroy(new TlsFailure(verifyFailureReason(verdict.detail)));
			return undefined;
		}
		if (verdict.doubt) this.#stats.countRefusal(verdict.doubt);
		const { name } = (socket.getEphemeralKeyInfo() ?? {}) as { name?: string };
		this.#stats.countHandshake(socket.getProtocol() ?? "", socket.getCipher().name, name);
		if (socket.isSessionReused()) this.#stats.sessionReused.inc();
		return new SocketTlsInfo(socket, terms.sni || undefined, { leaf, validated: verdict.validated });
	}

	#build(): void {
		if (!this.#material?.ready) return;
		const { common, maxSessionKeys } = this.#config;
		const { validation, certificates } = this.#material;
		try {
			const verifier = validation && new PeerVerifier(validation, () => this.#deps.clock.epochMs());
			const options = sharedOptions(common.algorithms, validation);
			const [own] = certificates;
			this.#inForce = {
				context: own ? contextWith(options, [own]) : createSecureContext(options),
				verifier,
				// A resumed session brings no chain along, which some rules need.
				sessions: new SessionCache(verifier?.needsChain ? 0 : maxSessionKeys),
			};
		} catch (error) {
			this.#deps.logger.warn({ reason: (error as Error).message }, "a changed TLS context is refused");
		}
	}
}

/** Sessions are resumed only with what they were agreed for: names were checked then, and are checked again. */
function sessionKey({ sni, names, alpn }: Terms): string {
	return `${sni}|${names?.join(",") ?? ""}|${alpn.join(",")}`;
}

/** The name of the error that OpenSSL found in the endpoint's chain. */
function errorCode(socket: TLSSocket): string | undefined {
	const error = socket.authorizationError as Error | string | null | undefined;
	if (!error) return undefined;
	return typeof error === "string" ? error : ((error as NodeJS.ErrnoException).code ?? error.message);
}
