import type { CertificateInfo, TlsInfo } from "../../http/connection-info.ts";
import { type FormatOperator, type FormatValue, OperatorError } from "./format-context.ts";
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
	CERT: (certificate) => encodeURIComponent(certificate.pem()).replace(/%20/g, " "),
};

const TIMES: Readonly<Record<string, (certificate: CertificateInfo) => number>> = {
	CERT_V_START: ({ notBeforeMs }) => notBeforeMs,
	CERT_V_END: ({ notAfterMs }) => notAfterMs,
};

const NAME = /^DOWNSTREAM_(?:(TLS_\w+)|(PEER|LOCAL)_(\w+))$/;

/** %DOWNSTREAM_TLS_...%, %DOWNSTREAM_PEER_...% and %DOWNSTREAM_LOCAL_...% of certificates; undefined for other names. */
export function tlsOperator(name: string, text: string | undefined): FormatOperator | undefined {
	const [, handshake, side, field = ""] = NAME.exec(name) ?? [];
	if (handshake !== undefined) {
		const read = own(OF_HANDSHAKE, handshake);
		return read && ((ctx) => present(ctx.info.connection?.tls && read(ctx.info.connection.tls)));
	}
	const certificateOf = (tls: TlsInfo | undefined) => (side === "PEER" ? tls?.peer : tls?.local);
	const time = own(TIMES, field);
	if (side !== undefined && time) {
		const format = timeFormat(text);
		return (ctx) => {
			const certificate = certificateOf(ctx.info.connection?.tls);
			return certificate && format(time(certificate));
		};
	}
	const read = side === undefined ? undefined : own(OF_CERTIFICATE, field);
	if (!read) return undefined;
	return (ctx) => {
		const certificate = certificateOf(ctx.info.connection?.tls);
		return present(certificate && read(certificate));
	};
}

function timeFormat(text: string | undefined): (epochMs: number) => string {
	if (!text) return isoTime;
	const compiled = compileTimeFormat(text);
	if ("unknown" in compiled) throw new OperatorError(`the time format has an unknown directive "${compiled.unknown}"`);
	return (epochMs) => compiled.format(epochMs);
}

function present(text: string | undefined): FormatValue {
	return text === "" ? undefined : text;
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
	return Object.hasOwn(table, name) ? table[name] : undefined;
}
