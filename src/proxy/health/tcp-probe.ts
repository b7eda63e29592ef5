import type { Socket } from "node:net";
import type { TcpProbe as TcpProbeConfig } from "../cluster/health/check-config.ts";
import type { CheckResult } from "../cluster/health/check-session.ts";
import { sourceOf } from "../upstream/open-transport.ts";
import { transportOf } from "../upstream/transport-of.ts";
import { holdsInOrder } from "./payload.ts";
import type { Probe, ProbeRoute } from "./probe.ts";

/** More than this is not kept of what an endpoint says before it says what is expected. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** "\r\n\r\n\0\r\nQUIT\n", version 2, command LOCAL, no addresses (PROXY protocol, section 2.2). */
const PROXY_V2_LOCAL = Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex");

/** Asks by connecting, or by bytes and the answer to them (Envoy: TcpHealthCheckerImpl). */
export class TcpProbe implements Probe {
	readonly #config: TcpProbeConfig;
	readonly #route: ProbeRoute;
	readonly #reuse: boolean;
	/** The endpoint hung up between two checks. */
	readonly #onLost: () => void;
	#socket: Socket | undefined = undefined;
	#answer = Buffer.alloc(0);
	#done: ((result: CheckResult) => void) | undefined = undefined;

	constructor(config: TcpProbeConfig, route: ProbeRoute, reuseConnection: boolean, onLost: () => void) {
		this.#config = config;
		this.#route = route;
		this.#reuse = reuseConnection && config.receive.length > 0;
		this.#onLost = onLost;
	}

	ask(done: (result: CheckResult) => void): void {
		this.#done = done;
		this.#answer = Buffer.alloc(0);
		if (this.#socket) this.#send(this.#socket);
		else this.#connect();
	}

	giveUp(): void {
		this.#done = undefined;
		this.#drop();
	}

	close(): void {
		this.giveUp();
	}

	#connect(): void {
		const { cluster, host, wishes } = this.#route;
		const { ip, port, address } = host;
		const target = { host: ip, port, ...sourceOf(cluster.info.source, host), ...(ip === "" && { path: address }) };
		const { socket } = transportOf(cluster, host).dial(target, wishes, { onReady: () => this.#onConnect(socket) });
		this.#socket = socket;
		socket.on("data", (bytes) => this.#onData(bytes));
		socket.on("error", () => {}); // "close" follows
		socket.on("end", () => socket.destroy());
		socket.on("close", () => this.#onClose(socket));
	}

	#onConnect(socket: Socket): void {
		this.#send(socket);
		if (this.#config.receive.length === 0) this.#finish({ ok: true, degraded: false });
	}

	#send(socket: Socket): void {
		const { proxyProtocol, send } = this.#config;
		if (proxyProtocol === 1) socket.write(proxyV1(socket));
		else if (proxyProtocol === 2) socket.write(PROXY_V2_LOCAL);
		if (send.length > 0) socket.write(send);
	}

	#onData(bytes: Buffer): void {
		if (!this.#done) return;
		this.#answer = Buffer.concat([this.#answer, bytes]).subarray(-MAX_ANSWER_BYTES);
		if (holdsInOrder(this.#answer, this.#config.receive)) this.#finish({ ok: true, degraded: false });
	}

	#onClose(socket: Socket): void {
		if (this.#socket !== socket) return;
		this.#socket = undefined;
		if (this.#done) this.#finish({ ok: false, failure: "network" });
		else this.#onLost();
	}

	#finish(result: CheckResult): void {
		const done = this.#done;
		this.#done = undefined;
		if (!result.ok || !this.#reuse) this.#drop();
		done?.(result);
	}

	#drop(): void {
		const socket = this.#socket;
		this.#socket = undefined;
		// What was written goes out before the end.
		if (socket && !socket.connecting) socket.destroySoon();
		else socket?.destroy();
	}
}

function proxyV1({ localAddress, localPort, remoteAddress, remotePort, remoteFamily }: Socket): string {
	const family = remoteFamily === "IPv6" ? "TCP6" : "TCP4";
	return `PROXY ${family} ${localAddress} ${remoteAddress} ${localPort} ${remotePort}\r\n`;
}
