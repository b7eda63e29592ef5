import type { Socket } from "node:net";
import { type SecureContext, type Server, TLSSocket, type TLSSocketOptions } from "node:tls";

/** What a server shows and demands in handshakes. */
export interface ServerTerms {
	readonly context: SecureContext;
	/** Asked for staples (`OCSPRequest`); undefined: there are none. */
	readonly stapler: Server | undefined;
	/** Clients are asked for a certificate ... */
	readonly requestCert: boolean;
	/** ... and get the alert that says so when they have none. */
	readonly demandCert: boolean;
}

/** One of the two is called, once. */
export interface HandshakeEnd {
	onShaken(secure: TLSSocket): void;
	/** `error` is OpenSSL's, or that of the connection. */
	onFailed(secure: TLSSocket, error: Error): void;
}

const HANDSHAKE_TIMEOUT_MS = 120_000;

/** What Node's own TLS server does to sockets of which it is done with the handshake; not in its types. */
interface ReleasableSocket {
	_releaseControl(): boolean;
	secureConnecting: boolean;
}

/**
 * Shakes hands as a server on a connected socket. Node's own TLS server would look at the client's certificate before anyone else, and
 * gives the chain behind it to the first who asks only.
 */
export function shakeHands(socket: Socket, terms: ServerTerms, alpn: Buffer | undefined, end: HandshakeEnd): TLSSocket {
	const options: TLSSocketOptions & { readonly handshakeTimeout: number } = {
		isServer: true,
		secureContext: terms.context,
		requestCert: terms.requestCert,
		rejectUnauthorized: terms.demandCert,
		handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
		...(alpn && { ALPNProtocols: alpn }),
		...(terms.stapler && { server: terms.stapler }),
	};
	const secure = new TLSSocket(socket, options);
	let over = false;
	const fail = (error: Error): void => {
		if (over) return;
		over = true;
		end.onFailed(secure, error);
		secure.destroy();
	};
	secure.on("_tlsError", fail);
	secure.once("close", () => fail(new Error("the client closed the connection during the TLS handshake")));
	secure.once("secure", () => {
		if (over) return;
		over = true;
		const released = secure as unknown as ReleasableSocket;
		released._releaseControl();
		released.secureConnecting = false;
		end.onShaken(secure);
	});
	return secure;
}

/** Protocol names as the handshake carries them (RFC 7301 3.1). */
export function encodeProtocols(names: readonly string[]): Buffer | undefined {
	if (names.length === 0) return undefined;
	return Buffer.concat(
		names.flatMap((name) => {
			const bytes = Buffer.from(name, "latin1");
			return [Buffer.from([bytes.length]), bytes];
		}),
	);
}
