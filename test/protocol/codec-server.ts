import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Http2Options } from "../../src/proxy/http/http2/http2-options.ts";
import { answerWhole, RecordingServer, sessionSetup } from "../../src/proxy/http2/http2-fixture.ts";
import { ServerSession } from "../../src/proxy/http2/session/server-session.ts";
import { runOverSocket } from "./session-socket.ts";

const LINGER_MS = 200;

/** A small HTTP/2 server (prior knowledge) on our codec: every request that came whole is answered with a short text. */
export class CodecServer {
	readonly port: number;
	readonly #server: Server;
	readonly #sockets: Set<Socket>;

	private constructor(server: Server, sockets: Set<Socket>) {
		this.#server = server;
		this.#sockets = sockets;
		this.port = (server.address() as AddressInfo).port;
	}

	static start(options: Partial<Http2Options> = {}): Promise<CodecServer> {
		const sockets = new Set<Socket>();
		const server = createServer({ noDelay: true }, (socket) => {
			sockets.add(socket);
			socket.once("close", () => sockets.delete(socket));
			serve(socket, options);
		});
		return new Promise((resolve) => {
			server.listen(0, "127.0.0.1", () => resolve(new CodecServer(server, sockets)));
		});
	}

	close(): void {
		this.#server.close();
		for (const socket of this.#sockets) socket.destroy();
	}
}

function serve(socket: Socket, options: Partial<Http2Options>): void {
	const user: RecordingServer = new (class extends RecordingServer {
		override onSessionError(): void {
			transport.end();
			setTimeout(() => transport.destroy(), LINGER_MS).unref();
		}
	})(answerWhole(() => session, "hello over HTTP/2"));
	const { session, transport } = runOverSocket(
		socket,
		(output) => new ServerSession(sessionSetup(output, options), user),
	);
}
