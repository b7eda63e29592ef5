import { TlsFailure, tlsErrorReason } from "../tls/tls-failure.ts";

/** Why a connection to an endpoint did not come about. */
export interface ConnectFailure {
	readonly reason: "connect-failure" | "connect-timeout";
	/** Envoy's words; empty when there are none. */
	readonly detail: string;
}

const WORDS: Readonly<Record<string, string>> = {
	ECONNREFUSED: "Connection refused",
	EHOSTUNREACH: "No route to host",
	ENETUNREACH: "Network is unreachable",
	ETIMEDOUT: "Connection timed out",
	EADDRNOTAVAIL: "Cannot assign requested address",
	EMFILE: "Too many open files",
	EPIPE: "Broken pipe",
};

/** Node's code for a peer that hangs up: of one that does so in the middle of a handshake Envoy says nothing. */
const CUT_OFF = "ECONNRESET";

/** A failed connection in Envoy's words: those of TLS, or the C library's for a system error. */
export function connectFailure(error: Error | undefined, timedOut: boolean): ConnectFailure {
	return { reason: timedOut ? "connect-timeout" : "connect-failure", detail: describe(error) };
}

function describe(error: Error | undefined): string {
	if (!error) return "";
	if (error instanceof TlsFailure) return error.reason;
	const ofTls = tlsErrorReason(error);
	if (ofTls !== "") return ofTls;
	const { code = "", syscall } = error as NodeJS.ErrnoException;
	if (code === CUT_OFF) return syscall === "connect" ? "delayed connect error: Connection reset by peer" : "";
	return `delayed connect error: ${WORDS[code] ?? (code || error.message)}`;
}
