/** Why there is no secure connection, in Envoy's words (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`). */
export class TlsFailure extends Error {
	/** Empty when the peer just closed: Envoy then has no reason to tell. */
	readonly reason: string;

	constructor(reason: string, options?: ErrorOptions) {
		super(reason === "" ? "the peer closed the connection during the TLS handshake" : reason, options);
		this.name = "TlsFailure";
		this.reason = reason;
	}
}

/** BoringSSL packs its library number (16) above the reason. */
const LIBRARY = 16 << 24;
const ALERTS = 1000;

/** BoringSSL's numbers of the reasons that OpenSSL gives by these words. */
const REASONS: Readonly<Record<string, number>> = {
	CERTIFICATE_VERIFY_FAILED: 125,
	HTTP_REQUEST: 156,
	HTTPS_PROXY_REQUEST: 155,
	NO_COMMON_SIGNATURE_ALGORITHMS: 253,
	NO_SHARED_CIPHER: 184,
	NO_SHARED_GROUP: 266,
	PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
	UNSUPPORTED_PROTOCOL: 240,
	WRONG_VERSION_NUMBER: 247,
};

/** What OpenSSL calls by words of its own. */
const SAME: Readonly<Record<string, string>> = {
	NO_CIPHERS_AVAILABLE: "NO_SHARED_CIPHER",
	NO_SHARED_SIGNATURE_ALGORITHMS: "NO_COMMON_SIGNATURE_ALGORITHMS",
	NO_SUITABLE_KEY_SHARE: "NO_SHARED_GROUP",
};

const SSL3_ALERTS = new Set([10, 20, 30, 40, 41, 42, 43, 44, 45, 46, 47]);
const ALERT_NAMES: Readonly<Record<number, string>> = {
	0: "CLOSE_NOTIFY",
	10: "UNEXPECTED_MESSAGE",
	20: "BAD_RECORD_MAC",
	21: "DECRYPTION_FAILED",
	22: "RECORD_OVERFLOW",
	30: "DECOMPRESSION_FAILURE",
	40: "HANDSHAKE_FAILURE",
	41: "NO_CERTIFICATE",
	42: "BAD_CERTIFICATE",
	43: "UNSUPPORTED_CERTIFICATE",
	44: "CERTIFICATE_REVOKED",
	45: "CERTIFICATE_EXPIRED",
	46: "CERTIFICATE_UNKNOWN",
	47: "ILLEGAL_PARAMETER",
	48: "UNKNOWN_CA",
	49: "ACCESS_DENIED",
	50: "DECODE_ERROR",
	51: "DECRYPT_ERROR",
	60: "EXPORT_RESTRICTION",
	70: "PROTOCOL_VERSION",
	71: "INSUFFICIENT_SECURITY",
	80: "INTERNAL_ERROR",
	86: "INAPPROPRIATE_FALLBACK",
	90: "USER_CANCELLED",
	100: "NO_RENEGOTIATION",
	110: "UNSUPPORTED_EXTENSION",
	111: "CERTIFICATE_UNOBTAINABLE",
	112: "UNRECOGNIZED_NAME",
	113: "BAD_CERTIFICATE_STATUS_RESPONSE",
	114: "BAD_CERTIFICATE_HASH_VALUE",
	115: "UNKNOWN_PSK_IDENTITY",
	116: "CERTIFICATE_REQUIRED",
	120: "NO_APPLICATION_PROTOCOL",
};

/** The reason for a certificate that was refused; `detail` is of `PeerVerifier`. */
export function verifyFailureReason(detail: string): string {
	return formatReason("CERTIFICATE_VERIFY_FAILED", REASONS.CERTIFICATE_VERIFY_FAILED, `verify cert failed: ${detail}`);
}

/** The reason when a certificate was demanded and none came. */
export const NO_CERTIFICATE_REASON = formatReason(
	"PEER_DID_NOT_RETURN_A_CERTIFICATE",
	REASONS.PEER_DID_NOT_RETURN_A_CERTIFICATE,
	"peer did not provide required client certificate",
);

/** What Envoy says while a secret is missing. */
export const NO_SECRET_REASON = "TLS_error: Secret is not supplied by SDS";

interface OpensslError extends Error {
	readonly code?: string;
	readonly reason?: string;
	readonly library?: string;
}

/** Translates an error of Node's TLS; "" when it is no error of TLS but an end of the connection. */
export function tlsErrorReason(error: Error | undefined): string {
	const { code = "", reason, library } = (error ?? {}) as OpensslError;
	if (!code.startsWith("ERR_SSL_") && library === undefined) return "";
	const alert = /SSL alert number (\d+)/.exec(error!.message);
	if (alert) return alertReason(Number(alert[1]));
	const own = (reason ?? code.slice("ERR_SSL_".length)).toUpperCase().replaceAll(/[ -]/g, "_");
	if (own.startsWith("UNEXPECTED_EOF")) return "";
	const name = SAME[own] ?? own;
	if (name === "PEER_DID_NOT_RETURN_A_CERTIFICATE") return NO_CERTIFICATE_REASON;
	return formatReason(name, REASONS[name], "");
}

function alertReason(alert: number): string {
	const name = ALERT_NAMES[alert] ?? String(alert);
	return formatReason(`${SSL3_ALERTS.has(alert) ? "SSLV3" : "TLSV1"}_ALERT_${name}`, ALERTS + alert, "");
}

/** Reasons that BoringSSL does not have come without its number. */
function formatReason(name: string, reason: number | undefined, detail: string): string {
	const number = reason === undefined ? "" : `${LIBRARY + reason}:`;
	return `TLS_error:|${number}SSL routines:OPENSSL_internal:${name}:${detail === "" ? "" : `${detail}:`}TLS_error_end`;
}
