import type { ServerHttp2Session } from "node:http2";
import type { Clock } from "../../lib/clock.ts";

const PING_EVERY_MS = 30_000;
const PONG_WITHIN_MS = 10_000;

/** Pings a connection and destroys it when no answer comes: a proxy that vanished without a word is noticed. */
export function keepAlive(connection: ServerHttp2Session, clock: Clock): () => void {
	let cancelNext = clock.after(PING_EVERY_MS, ping);
	let cancelDeadline = () => {};
	function ping() {
		if (connection.destroyed) return;
		cancelDeadline = clock.after(PONG_WITHIN_MS, () => connection.destroy());
		connection.ping((error) => {
			cancelDeadline();
			if (error) connection.destroy();
			else cancelNext = clock.after(PING_EVERY_MS, ping);
		});
	}
	return () => {
		cancelNext();
		cancelDeadline();
	};
}
