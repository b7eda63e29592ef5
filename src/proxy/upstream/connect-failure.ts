/** Why a connection to an endpoint did not come about. */
export interface ConnectFailure {
	readonly reason: "connect-failure" | "connect-timeout";
	/** The system's words; empty when there are none. */
	readonly detail: string;
}

const WORDS: Readonly<Record<string, string>> = {
	ECONNREFUSED: "Connection refused",
	ECONNRESET: "Connection reset by peer",
	EHOSTUNREACH: "No route to host",
	ENETUNREACH: "Network is unreachable",
	ETIMEDOUT: "Connection timed out",
	EADDRNOTAVAIL: "Cannot assign requested address",
	EMFILE: "Too many open files",
	EPIPE: "Broken pipe",
};

/** A system error in the C library's words, which is what Envoy prints. */
export function connectFailure(error: Error | undefined, timedOut: boolean): ConnectFailure {
	return { reason: timedOut ? "connect-timeout" : "connect-failure", detail: describe(error) };
}

function describe(error: Error | undefined): string {
	if (!error) return "";
	const code = (error as NodeJS.ErrnoException).code ?? "";
	return WORDS[code] ?? (code || error.message);
}
