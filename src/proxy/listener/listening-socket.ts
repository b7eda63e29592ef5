import { chmodSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { ProblemError, problem } from "../../lib/problem.ts";
import { type BindAddress, formatAddress, type ListenerConfig } from "./listener-config.ts";

/** The kernel cuts it to net.core.somaxconn, which is Envoy's default on Linux. */
const LARGEST_BACKLOG = 65_535;

/** A bound socket; who serves it can change while it listens. */
export class ListeningSocket {
	readonly address: BindAddress;
	/** The real port when the configuration said 0. */
	readonly bound: BindAddress;
	readonly #server: Server;
	#serve: (socket: Socket) => void = (socket) => socket.destroy();

	private constructor(server: Server, address: BindAddress) {
		this.#server = server;
		this.address = address;
		this.bound = address.kind === "ip" ? { ...address, port: (server.address() as AddressInfo).port } : address;
		server.on("connection", (socket) => this.#serve(socket));
	}

	/** Rejects with ProblemError when the address cannot be bound. */
	static open(address: BindAddress, config: ListenerConfig): Promise<ListeningSocket> {
		return new Promise((resolve, reject) => {
			const { keepAlive } = config;
			const server = createServer({
				allowHalfOpen: true,
				noDelay: true,
				...(keepAlive && { keepAlive: true, keepAliveInitialDelay: keepAlive.idleMs }),
			});
			server.once("error", (error) => reject(bindProblem(config.name, formatAddress(address), error)));
			server.listen(listenOptions(address, config), () => {
				server.removeAllListeners("error");
				server.on("error", () => {
					// A failed accept (too many open files) concerns the connection that was not made; listening goes on.
				});
				if (address.kind === "pipe" && address.mode > 0) chmodSync(address.path, address.mode);
				resolve(new ListeningSocket(server, address));
			});
		});
	}

	serve(handler: (socket: Socket) => void): void {
		this.#serve = handler;
	}

	close(): void {
		this.#server.close();
	}
}

function listenOptions(address: BindAddress, { backlog = LARGEST_BACKLOG, reusePort }: ListenerConfig): ListenOptions {
	if (address.kind === "ip")
		return { host: address.ip, port: address.port, reusePort, backlog, exclusive: true, ipv6Only: false };
	const { path } = address;
	if (path.startsWith("@")) return { path: `\0${path.slice(1)}`, backlog, exclusive: true };
	// A socket file that an earlier process left would be in the way (as Envoy).
	rmSync(path, { force: true });
	return { path, backlog, exclusive: true };
}

const BIND_FIX: Readonly<Record<string, string>> = {
	EADDRINUSE: "stop the process that holds the port, or choose another one",
	EACCES: "choose a port above 1023, or allow this process to bind it",
	EADDRNOTAVAIL: "add the address to this machine, or choose one that it has",
	ENOENT: "make the folder of the socket file",
};

function bindProblem(listener: string, where: string, error: NodeJS.ErrnoException): ProblemError {
	const message = `listener "${listener}" cannot bind ${where}: ${error.code ?? error.message}`;
	return new ProblemError([problem("LTN3110", "address", message, BIND_FIX[error.code ?? ""] ?? "")], { cause: error });
}
