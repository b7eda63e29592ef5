import { connect, type Socket } from "node:net";
import type { Target } from "./service-table.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/** Picks targets in turn; one counter for all connections through one port. */
export interface RoundRobin {
	/** All targets, the next one first: what to try in which order. */
	order(targets: readonly Target[]): readonly Target[];
}

export function createRoundRobin(): RoundRobin {
	let turn = 0;
	return {
		order(targets) {
			if (targets.length < 2) return targets;
			const first = turn++ % targets.length;
			return [...targets.slice(first), ...targets.slice(0, first)];
		},
	};
}

/** Connects to the first target that takes the connection. Rejects with the last error when none does. */
export async function connectFirst(targets: readonly Target[], localAddress?: string): Promise<Socket> {
	let failure: unknown = new Error("the Service has no ready endpoint");
	for (const target of targets) {
		try {
			return await dial(target, localAddress);
		} catch (error) {
			failure = error;
		}
	}
	throw failure;
}

function dial({ address, port }: Target, localAddress?: string): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true, localAddress });
		socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error(`${address}:${port} does not answer`)));
		socket.once("error", reject);
		socket.once("connect", () => {
			socket.setTimeout(0);
			socket.off("error", reject);
			resolve(socket);
		});
	});
}

/** Joins two connections until both directions have ended; an error on one side resets the other. */
export function join(a: Socket, b: Socket): void {
	const pass = (from: Socket, to: Socket) => {
		from.pipe(to);
		from.on("error", () => to.resetAndDestroy());
		// pipe() passes an end on, but not a connection that is simply gone.
		from.on("close", () => {
			if (!from.readableEnded) to.destroy();
		});
	};
	pass(a, b);
	pass(b, a);
}
