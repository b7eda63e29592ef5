import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { CertificateInfo, TlsInfo } from "../http/info/connection-info.ts";
import { chainOf, X509Info } from "./verify/certificate-info.ts";

/** The other side, as it was judged. */
export interface JudgedPeer {
	/** Undefined: it showed no certificate. */
	readonly leaf: X509Certificate | undefined;
	readonly validated: boolean;
	/** That it was held to. */
	readonly authorities?: readonly X509Certificate[] | undefined;
}

/** What a finished handshake says; read while the socket lives, worked out when asked for. */
export class SocketTlsInfo implements TlsInfo {
	readonly version: string;
	readonly cipher: string;
	readonly alpn: string | undefined;
	readonly sni: string | undefined;
	readonly peerValidated: boolean;
	readonly #socket: TLSSocket;
	readonly #peerLeaf: X509Certificate | undefined;
	readonly #localLeaf: X509Certificate | undefined;
	readonly #authorities: readonly X509Certificate[];
	#sessionId: string | undefined = undefined;
	#peer: CertificateInfo | undefined = undefined;
	#local: CertificateInfo | undefined = undefined;

	constructor(socket: TLSSocket, sni: string | undefined, { leaf: peer, validated, authorities = [] }: JudgedPeer) {
		this.#socket = socket;
		this.#authorities = authorities;
		this.version = socket.getProtocol() ?? "";
		this.cipher = socket.getCipher().name;
		this.alpn = socket.alpnProtocol || undefined;
		this.sni = sni;
		this.peerValidated = validated;
		this.#peerLeaf = peer;
		this.#localLeaf = socket.getX509Certificate();
	}

	get sessionId(): string {
		this.#sessionId ??= sessionIdOf(this.#socket);
		return this.#sessionId;
	}

	get peer(): CertificateInfo | undefined {
		const leaf = this.#peerLeaf;
		if (leaf) this.#peer ??= new X509Info(leaf, () => chainOf(leaf), this.#authorities);
		return this.#peer;
	}

	get local(): CertificateInfo | undefined {
		const leaf = this.#localLeaf;
		if (leaf) this.#local ??= new X509Info(leaf, () => [leaf]);
		return this.#local;
	}
}

/** TLS 1.3 knows no session ids; below, the id is the fourth element of the session's ASN.1 (version, protocol, cipher, id). */
function sessionIdOf(socket: TLSSocket): string {
	if (socket.getProtocol() !== "TLSv1.2") return "";
	const session = socket.getSession();
	if (!session) return "";
	let at = session.indexOf(SESSION_HEAD);
	if (at < 0) return "";
	at += SESSION_HEAD.length + 2 + 4; // INTEGER protocol (2 bytes), OCTET STRING cipher (2 bytes)
	if (session[at] !== OCTET_STRING) return "";
	return session.toString("hex", at + 2, at + 2 + session[at + 1]!);
}

const OCTET_STRING = 0x04;
/** INTEGER 1, then the tag and length of the protocol version. */
const SESSION_HEAD = Buffer.from([0x02, 0x01, 0x01, 0x02, 0x02]);
