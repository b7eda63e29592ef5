import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { ByteQueue } from "./byte-queue.ts";
import type { ClientTls } from "./conversation.ts";

/** How a connection stands: open, ended in order, or ended with an error. */
export type ConnectionEnd = "open" | "closed" | "reset";

/** A client's connection that keeps what came and how it ended. */
export class ClientSocket {
	readonly socket: Socket;
	readonly received = new ByteQueue();
	#end: ConnectionEnd = "open";
	readonly #ended: Promise<void>;

	constructor(socket: Socket) {
		this.socket = socket;
		socket.setNoDelay(true);
		socket.on("data", (bytes) => this.received.push(bytes));
		this.#ended = new Promise((resolve) => {
			const finish = (end: ConnectionEnd) => {
				if (this.#end === "open") this.#end = end;
				this.received.end();
				resolve();
			};
			socket.on("end", () => finish("closed"));
			socket.on("error", () => finish("reset"));
			socket.on("close", () => finish("closed"));
		});
	}

	get end(): ConnectionEnd {
		return this.#end;
	}

	/** Waits until the other side has ended the connection, at most so long. */
	async settle(ms: number): Promise<ConnectionEnd> {
		await within(ms, this.#ended);
		return this.#end;
	}

	write(bytes: string | Buffer): void {
		if (this.socket.writable) this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
	}

	destroy(): void {
		this.socket.destroy();
	}
}

/** Rejects when the connection, or the handshake, fails. */
export async function openSocket(port: number, tls: ClientTls | undefined): Promise<ClientSocket> {
	const address = { host: "127.0.0.1", port, allowHalfOpen: true };
	if (!tls) {
		const socket = connect(address);
		await once(socket, "connect");
		return new ClientSocket(socket);
	}
	const { alpn, ...rest } = tls;
	const socket: TLSSocket = connectTls({
		...address,
		...rest,
		rejectUnauthorized: tls.ca !== undefined,
		ALPNProtocols: [...(alpn ?? [])],
	});
	await once(socket, "secureConnect");
	return new ClientSocket(socket);
}

/** True when `done` came within so many milliseconds. */
export async function within(ms: number, done: Promise<unknown>): Promise<boolean> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<false>((resolve) => {
		timer = setTimeout(resolve, ms, false);
	});
	try {
		return await Promise.race([done.then(() => true), late]);
	} finally {
		clearTimeout(timer);
	}
}

export function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
