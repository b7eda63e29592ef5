import type { Socket } from "node:net";
import { Transport } from "../../src/proxy/codec/transport.ts";
import type { Http2Output } from "../../src/proxy/http2/session/http2-output.ts";
import type { Http2Session } from "../../src/proxy/http2/session/http2-session.ts";

const BUFFER_LIMIT_BYTES = 1024 * 1024;

/** Runs a session over a socket. */
export function runOverSocket<S extends Http2Session>(
	socket: Socket,
	open: (output: Http2Output) => S,
): { session: S; transport: Transport } {
	const user = {
		onData: (buf: Buffer, end: number) => session.receive(buf, 0, end),
		onEof: () => transport.destroy(),
		onDrain: () => session.onOutputDrain(),
		onClose: () => session.close(),
	};
	const transport: Transport = new Transport(socket, user, BUFFER_LIMIT_BYTES, true);
	const session = open(transport);
	return { session, transport };
}
