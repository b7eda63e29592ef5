import { connect, createServer, type Server, type Socket } from "node:net";
import type { Endpoint, ServicePort, ServiceTable } from "./service-table.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** Added to a port that this user may not open. */
export const LOW_PORT_SHIFT = 8000;

/** A door of a Service that could not be opened, or only on another port. */
export interface DoorReport {
	readonly namespace: string;
	readonly service: string;
	readonly address: string;
	readonly port: number;
	/** Where it was opened instead; undefined: nowhere. */
	readonly openedPort: number | undefined;
	readonly why: string;
}

interface Door {
	readonly server: Server;
	readonly sockets: Set<Socket>;
	next: number;
}

/**
 * Listeners on every Service's addresses that pass TCP on to its ready endpoints in turn: kube-proxy's role. `sync` opens and closes
 * what a new table asks for; a connection lives on when its Service changes.
 */
export class PortForwarders {
	readonly #doors = new Map<string, Door>();
	readonly #extraAddresses: readonly string[];
	readonly #onReport: (report: DoorReport) => void;
	#table: ServiceTable;

	/** `nodeAddresses`: where NodePorts open, besides nothing else. */
	constructor(table: ServiceTable, nodeAddresses: readonly string[], onReport: (report: DoorReport) => void) {
		this.#table = table;
		this.#extraAddresses = nodeAddresses;
		this.#onReport = onReport;
	}

	/** Resolves when every new door is open or reported. */
	async sync(table: ServiceTable): Promise<void> {
		this.#table = table;
		const wanted = new Map(
			table.ports.flatMap((p) => this.#addressesOf(p).map((a) => [`${a.ip}:${a.port}`, { ...a, of: p }])),
		);
		for (const [key, door] of this.#doors) {
			if (wanted.has(key)) continue;
			this.#doors.delete(key);
			door.server.close();
		}
		const fresh = [...wanted].filter(([key]) => !this.#doors.has(key));
		await Promise.all(fresh.map(([key, { ip, port, of }]) => this.#open(key, { ip, port }, of)));
	}

	close(): void {
		for (const door of this.#doors.values()) {
			door.server.close();
			for (const socket of door.sockets) socket.destroy();
		}
		this.#doors.clear();
	}

	#addressesOf(p: ServicePort): Endpoint[] {
		const own = p.clusterIp?.startsWith("127.") ? [p.clusterIp] : [];
		const nodePorts = p.nodePort ? this.#extraAddresses.map((ip) => ({ ip, port: p.nodePort! })) : [];
		return [...[...own, ...p.loadBalancerIps].map((ip) => ({ ip, port: p.port })), ...nodePorts];
	}

	async #open(key: string, at: Endpoint, of: ServicePort): Promise<void> {
		const door: Door = {
			server: createServer((socket) => this.#forward(socket, door, of)),
			sockets: new Set(),
			next: 0,
		};
		this.#doors.set(key, door);
		const failure = await listen(door.server, at.ip, at.port);
		if (!failure) return;
		const report = { namespace: of.namespace, service: of.service, address: at.ip, port: at.port };
		const shifted = at.port + LOW_PORT_SHIFT;
		if (failure.code === "EACCES" && at.port < 1024 && !(await listen(door.server, at.ip, shifted))) {
			this.#onReport({ ...report, openedPort: shifted, why: `ports below 1024 need more rights` });
			return;
		}
		this.#onReport({ ...report, openedPort: undefined, why: failure.message });
	}

	#forward(downstream: Socket, door: Door, of: ServicePort): void {
		const { endpoints } = this.#table.find(`${of.service}.${of.namespace}`, of.port, of.namespace) ?? { endpoints: [] };
		downstream.on("error", () => downstream.destroy());
		if (endpoints.length === 0) {
			// kube-proxy answers a Service without endpoints by refusing; the nearest after accept is a reset.
			downstream.resetAndDestroy();
			return;
		}
		const { ip, port } = endpoints[door.next++ % endpoints.length]!;
		door.sockets.add(downstream);
		downstream.once("close", () => door.sockets.delete(downstream));
		tunnel(downstream, ip, port);
	}
}

function listen(server: Server, ip: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
	return new Promise((resolve) => {
		const onError = (error: NodeJS.ErrnoException) => resolve(error);
		server.once("error", onError);
		server.listen(port, ip, () => {
			server.off("error", onError);
			resolve(undefined);
		});
	});
}

/** Connects to an endpoint and passes bytes both ways, half-close included; a failure resets the caller. */
export function tunnel(downstream: Socket, ip: string, port: number, onConnect = () => {}): void {
	const upstream = connect({ host: ip, port, noDelay: true, allowHalfOpen: true });
	downstream.allowHalfOpen = true;
	upstream.setTimeout(CONNECT_TIMEOUT_MS, () => upstream.destroy(new Error("connect timeout")));
	upstream.once("connect", () => {
		upstream.setTimeout(0);
		onConnect();
		downstream.pipe(upstream);
		upstream.pipe(downstream);
	});
	upstream.once("error", () => downstream.resetAndDestroy());
	downstream.once("close", () => upstream.destroy());
	upstream.once("close", () => downstream.destroySoon());
}
