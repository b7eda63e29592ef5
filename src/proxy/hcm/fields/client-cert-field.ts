import type { HeaderMap } from "../../http/header-map.ts";
import type { CertificateInfo, ConnectionInfo, TlsInfo } from "../../http/info/connection-info.ts";

const FIELD = "x-forwarded-client-cert";

/** `forward_client_cert_details`. */
export type ForwardClientCert = "sanitize" | "forward-only" | "append-forward" | "sanitize-set" | "always-forward-only";

/** `set_current_client_cert_details`: what is told of the client's certificate besides its hash and our own name. */
export interface ClientCertDetails {
	readonly subject: boolean;
	readonly cert: boolean;
	readonly chain: boolean;
	readonly dns: boolean;
	readonly uri: boolean;
	readonly issuer: boolean;
	/** As a list of JSON objects instead of Envoy's own text. */
	readonly json: boolean;
}

/** Writes, keeps or drops x-forwarded-client-cert (Envoy: mutateXfccRequestHeader). */
export class ClientCertField {
	readonly #mode: ForwardClientCert;
	readonly #details: ClientCertDetails;
	/** The text of a handshake, made once in each format. */
	readonly #texts = new WeakMap<TlsInfo, string>();
	readonly #objects = new WeakMap<TlsInfo, string>();

	constructor(mode: ForwardClientCert, details: ClientCertDetails) {
		this.#mode = mode;
		this.#details = details;
	}

	/** `seen`: the request has the field. */
	apply(headers: HeaderMap, { tls }: ConnectionInfo, seen: boolean): void {
		if (this.#mode === "always-forward-only") return;
		if (this.#mode === "sanitize" || !tls?.peer) {
			if (seen) headers.remove(FIELD);
			return;
		}
		if (this.#mode === "forward-only") return;
		const before = this.#mode === "append-forward" && seen ? headers.getJoined(FIELD) : undefined;
		headers.set(FIELD, this.#joined(before, tls, tls.peer));
	}

	/** What is there already decides about the format (Envoy). */
	#joined(before: string | undefined, tls: TlsInfo, peer: CertificateInfo): string {
		if (!before) return this.#details.json ? this.#objectOf(tls, peer) : this.#textOf(tls, peer);
		const isList = this.#details.json && before.startsWith("[") && before.endsWith("]");
		if (isList) return `${before.slice(0, -1)},${this.#objectOf(tls, peer).slice(1)}`;
		return `${before},${this.#textOf(tls, peer)}`;
	}

	#textOf(tls: TlsInfo, peer: CertificateInfo): string {
		let text = this.#texts.get(tls);
		if (text === undefined) {
			text = describe(tls, peer, this.#details);
			this.#texts.set(tls, text);
		}
		return text;
	}

	#objectOf(tls: TlsInfo, peer: CertificateInfo): string {
		let text = this.#objects.get(tls);
		if (text === undefined) {
			text = describeJson(tls, peer, this.#details);
			this.#objects.set(tls, text);
		}
		return text;
	}
}

function describe(tls: TlsInfo, peer: CertificateInfo, details: ClientCertDetails): string {
	const parts = (tls.local?.uriSans ?? []).map((uri) => `By=${uri}`);
	parts.push(`Hash=${peer.sha256}`);
	if (details.cert) parts.push(`Cert="${urlEncoded(peer.pem())}"`);
	if (details.chain) parts.push(`Chain="${urlEncoded(peer.chainPem())}"`);
	if (details.subject) parts.push(`Subject="${peer.subject}"`);
	if (details.uri) parts.push(...(peer.uriSans.length > 0 ? peer.uriSans : [""]).map((uri) => `URI=${uri}`));
	if (details.dns) parts.push(...peer.dnsSans.map((name) => `DNS=${name}`));
	if (details.issuer) parts.push(`Issuer="${peer.issuer}"`);
	return parts.join(";");
}

/** The same as an object (`format: JSON`), in Envoy's order. */
function describeJson(tls: TlsInfo, peer: CertificateInfo, details: ClientCertDetails): string {
	const by = tls.local?.uriSans ?? [];
	return JSON.stringify([
		{
			...(by.length > 0 && { by }),
			hash: peer.sha256,
			...(details.cert && { cert: peer.pem() }),
			...(details.chain && { chain: peer.chain().map((one) => one.pem()) }),
			...(details.subject && { subject: peer.subject }),
			...(details.uri && peer.uriSans.length > 0 && { uri: peer.uriSans }),
			...(details.dns && peer.dnsSans.length > 0 && { dns: peer.dnsSans }),
			...(details.issuer && { issuer: peer.issuer }),
		},
	]);
}

/** The characters of a PEM that Envoy encodes. */
function urlEncoded(pem: string): string {
	return pem
		.replaceAll("\n", "%0A")
		.replaceAll(" ", "%20")
		.replaceAll("+", "%2B")
		.replaceAll("/", "%2F")
		.replaceAll("=", "%3D");
}
