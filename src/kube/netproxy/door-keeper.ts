import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Log } from "../client/log.ts";
import type { Door } from "./door-plan.ts";
import type { Target } from "./service-table.ts";
import { connectFirst, createRoundRobin, join } from "./tcp-relay.ts";

/** Opens and closes listening sockets so that they are what the plan says. */
export interface DoorKeeper {
	/** Takes the doors that should be open from now on; resolves when what can be open is. */
	keep(doors: ReadonlyMap<string, Door>): Promise<void>;
	/** The real port of a door, when it is open: for low ports that had to move. */
	openedPort(key: string): number | undefined;
	close(): Promise<void>;
}

export interface DoorKeeperOptions {
	readonly clock: Clock;
	readonly log: Log;
	readonly recorder: EventRecorder;
	/** For tests; the default is `server.listen`. */
	readonly listen?: (server: Server, port: number, address: string) => Promise<void>;
	/** A door was opened or closed. */
	onChange(): void;
}

interface OpenDoor {
	door: Door;
	targets: readonly Target[];
	readonly server: Server;
	readonly sockets: Set<Socket>;
	readonly port: number;
}

/** Ports below this need a privilege; a LoadBalancer's is opened so much higher instead. */
const FIRST_FREE_PORT = 1024;
const LOW_PORT_OFFSET = 8000;
const RETRY_MS = 5_000;

export function createDoorKeeper(options: DoorKeeperOptions): DoorKeeper {
	return new Keeper(options);
}

class Keeper implements DoorKeeper {
	readonly #options: DoorKeeperOptions;
	readonly #open = new Map<string, OpenDoor>();
	/** Door → error code that the user was told of. */
	readonly #told = new Map<string, string>();
	#wanted: ReadonlyMap<string, Door> = new Map();
	#work: Promise<void> = Promise.resolve();
	#cancelRetry = () => {};
	#closed = false;

	constructor(options: DoorKeeperOptions) {
		this.#options = options;
	}

	keep(doors: ReadonlyMap<string, Door>): Promise<void> {
		this.#wanted = doors;
		this.#work = this.#work.then(() => (this.#closed ? undefined : this.#reconcile()));
		return this.#work;
	}

	openedPort(key: string): number | undefined {
		return this.#open.get(key)?.port;
	}

	async close(): Promise<void> {
		this.#closed = true;
		this.#cancelRetry();
		await this.#work;
		for (const key of [...this.#open.keys()]) this.#shut(key);
	}

	async #reconcile(): Promise<void> {
		const gone = [...this.#open].filter(([key, { door }]) => !isSameDoor(door, this.#wanted.get(key)));
		for (const [key] of gone) this.#shut(key);
		for (const door of this.#wanted.values()) {
			const present = this.#open.get(door.key);
			if (present) Object.assign(present, { door, targets: door.targets });
		}
		const missing = [...this.#wanted.values()].filter(({ key }) => !this.#open.has(key));
		const results = await Promise.all(missing.map((door) => this.#openOne(door)));
		if (gone.length > 0 || results.length > 0) this.#options.onChange();
		this.#cancelRetry();
		if (results.every(Boolean) || this.#closed) return;
		this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => void this.keep(this.#wanted));
	}

	/** A Service that is gone takes its connections with it. */
	#shut(key: string): void {
		const gone = this.#open.get(key);
		this.#open.delete(key);
		gone?.server.close();
		for (const socket of gone?.sockets ?? []) socket.destroy();
	}

	async #openOne(door: Door): Promise<boolean> {
		const made = makeServer(() => this.#open.get(door.key)?.targets ?? []);
		const port = await this.#bind(made.server, door);
		if (port === undefined) return false;
		this.#open.set(door.key, { door, targets: door.targets, ...made, port });
		this.#told.delete(door.key);
		return true;
	}

	async #bind(server: Server, door: Door): Promise<number | undefined> {
		const mayMove = door.kind === "LoadBalancer" && door.port < FIRST_FREE_PORT;
		const listen = this.#options.listen ?? listenOn;
		for (const port of mayMove ? [door.port, door.port + LOW_PORT_OFFSET] : [door.port]) {
			try {
				await listen(server, port, door.address);
				return port;
			} catch (error) {
				const code = (error as NodeJS.ErrnoException).code ?? String(error);
				if (code === "EACCES" && mayMove && port === door.port) continue;
				this.#tell(door, port, code);
			}
			return undefined;
		}
		return undefined;
	}

	/** Once per door and reason, as an event on the Service. */
	#tell(door: Door, port: number, code: string): void {
		if (this.#told.get(door.key) === code) return;
		this.#told.set(door.key, code);
		const { reason, message } = explain(door, port, code);
		const { namespace, name, object } = door.service;
		this.#options.log.warn({ code, service: `${namespace}/${name}` }, message);
		this.#options.recorder.record(object, { type: "Warning", reason, message });
	}
}

function isSameDoor(door: Door, wanted: Door | undefined): boolean {
	return wanted !== undefined && wanted.service.object.metadata.uid === door.service.object.metadata.uid;
}

function explain(door: Door, port: number, code: string): { reason: string; message: string } {
	const what = `${door.kind} port ${door.address}:${port}`;
	if (code === "EADDRINUSE")
		return {
			reason: "PortInUse",
			message: `${what} is in use by another program, so the Service is not reachable there; end that program or choose another port`,
		};
	if (code === "EACCES")
		return {
			reason: "PortNotOpened",
			message: `${what} may not be opened by an ordinary user; HTTP by the Service's name works, or allow it: sysctl net.ipv4.ip_unprivileged_port_start=0`,
		};
	if (code === "EADDRNOTAVAIL")
		return {
			reason: "AddressMissing",
			message: `${what}: this machine does not have that address; add the mesh's loopback addresses as lateen up says`,
		};
	return { reason: "PortNotOpened", message: `${what} could not be opened: ${code}` };
}

/** A server that passes each connection on to one of the targets of that moment. */
function makeServer(targets: () => readonly Target[]): { server: Server; sockets: Set<Socket> } {
	const turn = createRoundRobin();
	const sockets = new Set<Socket>();
	const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
		sockets.add(client);
		client.once("close", () => sockets.delete(client));
		client.on("error", () => client.destroy()); // it left before it was joined
		connectFirst(turn.order(targets())).then(
			(upstream) => {
				join(client, upstream);
				client.resume();
			},
			// Nobody there: the caller sees its connection refused, as it would with kube-proxy.
			() => client.resetAndDestroy(),
		);
	});
	return { server, sockets };
}

function listenOn(server: Server, port: number, address: string): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, address, () => {
			server.off("error", reject);
			resolve();
		});
	});
}
