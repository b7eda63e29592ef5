import type { CertificateInfo, TlsInfo } from "../../http/info/connection-info.ts";
import type { FormatContext, FormatOperator, FormatValue } from "./format-context.ts";
import { compileTimeFormat, isoTime } from "./time-format.ts";

/** What a handshake says. */
const OF_HANDSHAKE: Readonly<Record<string, (tls: TlsInfo) => string | undefined>> = {
	TLS_VERSION: ({ version }) => version,
	TLS_CIPHER: ({ cipher }) => cipher,
	TLS_SESSION_ID: ({ sessionId }) => sessionId,
};

/** What a certificate says; lists are joined. */
const OF_CERTIFICATE: Readonly<Record<string, (certificate: CertificateInfo) => string>> = {
	SUBJECT: ({ subject }) => subject,
	ISSUER: ({ issuer }) => issuer,
	SERIAL: ({ serial }) => serial,
	FINGERPRINT_256: ({ sha256 }) => sha256,
	FINGERPRINT_1: ({ sha1 }) => sha1,
	URI_SAN: ({ uriSans }) => uriSans.join(","),
	DNS_SAN: ({ dnsSans }) => dnsSans.join(","),
	IP_SAN: ({ ipSans }) => ipSans.join(","),
	EMAIL_SAN: ({ emailSans }) => emailSans.join(","),
	OTHERNAME_SAN: ({ otherSans }) => otherSans.join(","),
	CHAIN_FINGERPRINTS_256: (certificate) => chainTexts(certificate, ({ sha256 }) => sha256),
	CHAIN_FINGERPRINTS_1: (certificate) => chainTexts(certificate, ({ sha1 }) => sha1),
	CHAIN_SERIALS: (certificate) => chainTexts(certificate, ({ serial }) => serial),
	ISSUER_FINGERPRINT_256: (certificate) => certificate.signer()?.sha256 ?? "",
	ISSUER_SERIAL: (certificate) => certificate.signer()?.serial ?? "",
	CERT: (certificate) => encodeURIComponent(certificate.pem()),
};

const chainTexts = (certificate: CertificateInfo, read: (one: CertificateInfo) => string): string =>
	certificate.chain().map(read).join(",");

const TIMES: Readonly<Record<string, (certificate: CertificateInfo) => number>> = {
	CERT_V_START: ({ notBeforeMs }) => notBeforeMs,
	CERT_V_END: ({ notAfterMs }) => notAfterMs,
};

const NAME = /^(DOWNSTREAM|UPSTREAM)_(?:(TLS_\w+)|(PEER|LOCAL)_(\w+))$/;
/** Fields of certificates that Envoy prints, by connection and side. */
const PRINTED: Readonly<Record<string, RegExp>> = {
	DOWNSTREAM_PEER: /./,
	DOWNSTREAM_LOCAL: /^(?:SUBJECT|\w+_SAN)$/,
	UPSTREAM_PEER: /^(?:SUBJECT|ISSUER|CERT|CERT_V_START|CERT_V_END|(?:URI|DNS|IP)_SAN)$/,
	UPSTREAM_LOCAL: /^(?:URI|DNS|IP)_SAN$/,
};

/**
 * %DOWNSTREAM_TLS_...%, %DOWNSTREAM_PEER_...% and %DOWNSTREAM_LOCAL_...% of certificates, and those of the upstream's side; undefined for
 * other names.
 */
export function tlsOperator(name: string, text: string | undefined): FormatOperator | undefined {
	const [, direction, handshake, side, field = ""] = NAME.exec(name) ?? [];
	if (direction === undefined) return undefined;
	if (side !== undefined && !PRINTED[`${direction}_${side}`]!.test(field)) return undefined;
	const tlsOf = direction === "UPSTREAM" ? upstreamTls : downstreamTls;
	if (handshake !== undefined) {
		const read = own(OF_HANDSHAKE, handshake);
		return (
			read &&
			((ctx) => {
				const tls = tlsOf(ctx);
				return present(tls && read(tls));
			})
		);
	}
	const certificateOf = (tls: TlsInfo | undefined) => (side === "PEER" ? tls?.peer : tls?.local);
	const time = own(TIMES, field);
	if (side !== undefined && time) {
		const format = timeFormat(text);
		return (ctx) => {
			const certificate = certificateOf(tlsOf(ctx));
			return certificate && format(time(certificate));
		};
	}
	const read = side === undefined ? undefined : own(OF_CERTIFICATE, field);
	if (!read) return undefined;
	return (ctx) => {
		const certificate = certificateOf(tlsOf(ctx));
		return present(certificate && read(certificate));
	};
}

const downstreamTls = ({ info }: FormatContext): TlsInfo | undefined => info.connection?.tls;
const upstreamTls = ({ info }: FormatContext): TlsInfo | undefined => info.upstreamTls;

function timeFormat(text: string | undefined): (epochMs: number) => string {
	if (!text) return isoTime;
	return compileTimeFormat(text);
}

function present(text: string | undefined): FormatValue {
	return text === "" ? undefined : text;
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
	return Object.hasOwn(table, name) ? table[name] : undefined;
}
