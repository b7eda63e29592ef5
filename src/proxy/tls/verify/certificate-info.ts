import type { X509Certificate } from "node:crypto";
import type { CertificateInfo } from "../../http/info/connection-info.ts";

/** Names of a certificate by their kind. */
export interface AlternativeNames {
	readonly uri: readonly string[];
	readonly dns: readonly string[];
	readonly ip: readonly string[];
	readonly email: readonly string[];
	/** Other names as `<oid>:<text>`. */
	readonly other: readonly string[];
	/** All of them, in the certificate's order. */
	readonly all: readonly string[];
}

const known = new WeakMap<X509Certificate, AlternativeNames>();

/** Subject alternative names, taken apart once per certificate object. */
export function alternativeNames(certificate: X509Certificate): AlternativeNames {
	let names = known.get(certificate);
	if (!names) {
		names = parseNames(certificate.subjectAltName ?? "");
		known.set(certificate, names);
	}
	return names;
}

const KINDS: Readonly<Record<string, "uri" | "dns" | "ip" | "email" | "other">> = {
	URI: "uri",
	DNS: "dns",
	"IP Address": "ip",
	email: "email",
	othername: "other",
};

/** Takes Node's text apart: `DNS:a, URI:"text with, a comma"`, values quoted as JSON where they could be read in two ways. */
function parseNames(text: string): AlternativeNames {
	const names = { uri: [], dns: [], ip: [], email: [], other: [], all: [] } as Record<string, string[]>;
	let at = 0;
	while (at < text.length) {
		const colon = text.indexOf(":", at);
		if (colon < 0) break;
		const end = endOfValue(text, colon + 1);
		const kind = KINDS[text.slice(at, colon)];
		const raw = unquote(text.slice(colon + 1, end));
		const value = kind === "ip" ? shortAddress(raw) : raw;
		if (kind) {
			names[kind]!.push(value);
			names.all!.push(value);
		}
		at = end + 2;
	}
	return names as unknown as AlternativeNames;
}

/** OpenSSL writes IPv6 addresses in full; Envoy as RFC 5952 wants them. */
function shortAddress(ip: string): string {
	return ip.includes(":") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

function endOfValue(text: string, from: number): number {
	if (text[from] !== '"') {
		const comma = text.indexOf(", ", from);
		return comma < 0 ? text.length : comma;
	}
	let at = from + 1;
	while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
	return at + 1;
}

function unquote(value: string): string {
	return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}

/** A name as Envoy prints it (RFC 2253: the most specific part last becomes first): `CN=client,OU=unit`. */
export function formatName(multiLine: string): string {
	return multiLine.split("\n").reverse().join(",");
}

/** What format operators and filters read of a certificate; each part is worked out when it is asked for. */
export class X509Info implements CertificateInfo {
	readonly #certificate: X509Certificate;
	readonly #chain: () => readonly X509Certificate[];
	readonly #authorities: readonly X509Certificate[];

	/** `chain`: what was sent with the certificate, itself first. */
	constructor(
		certificate: X509Certificate,
		chain: () => readonly X509Certificate[],
		authorities: readonly X509Certificate[] = [],
	) {
		this.#certificate = certificate;
		this.#chain = chain;
		this.#authorities = authorities;
	}

	get subject(): string {
		return formatName(this.#certificate.subject ?? "");
	}

	get issuer(): string {
		return formatName(this.#certificate.issuer ?? "");
	}

	get serial(): string {
		return this.#certificate.serialNumber.toLowerCase();
	}

	get uriSans(): readonly string[] {
		return alternativeNames(this.#certificate).uri;
	}

	get dnsSans(): readonly string[] {
		return alternativeNames(this.#certificate).dns;
	}

	get ipSans(): readonly string[] {
		return alternativeNames(this.#certificate).ip;
	}

	get emailSans(): readonly string[] {
		return alternativeNames(this.#certificate).email;
	}

	get otherSans(): readonly string[] {
		return alternativeNames(this.#certificate).other.map((name) => name.slice(name.indexOf(":") + 1));
	}

	get sha256(): string {
		return plainHex(this.#certificate.fingerprint256);
	}

	get sha1(): string {
		return plainHex(this.#certificate.fingerprint);
	}

	get notBeforeMs(): number {
		return this.#certificate.validFromDate.getTime();
	}

	get notAfterMs(): number {
		return this.#certificate.validToDate.getTime();
	}

	pem(): string {
		return this.#certificate.toString();
	}

	chainPem(): string {
		return this.#chain()
			.map((certificate) => certificate.toString())
			.join("");
	}

	chain(): readonly CertificateInfo[] {
		const chain = this.#chain();
		return chain.map((certificate) => new X509Info(certificate, () => chain, this.#authorities));
	}

	signer(): CertificateInfo | undefined {
		const own = this.#certificate;
		const found = [...this.#chain(), ...this.#authorities].find(
			(candidate) => candidate !== own && own.checkIssued(candidate) && own.verify(candidate.publicKey),
		);
		return found && new X509Info(found, () => [found], this.#authorities);
	}
}

/** `AB:CD` as `abcd`. */
export function plainHex(fingerprint: string): string {
	return fingerprint.replaceAll(":", "").toLowerCase();
}

/** A certificate that a peer showed, and those behind it as far as the peer sent them. */
export function chainOf(leaf: X509Certificate): X509Certificate[] {
	const chain = [leaf];
	for (let next = leaf.issuerCertificate; next; next = next.issuerCertificate) {
		if (chain.some(({ fingerprint256 }) => fingerprint256 === next!.fingerprint256)) break;
		chain.push(next);
	}
	return chain;
}
