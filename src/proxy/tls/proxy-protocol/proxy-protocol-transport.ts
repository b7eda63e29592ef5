import { connect, type Socket } from "node:net";
import { connectOptions } from "../upstream/raw-transport.ts";
import { UpstreamTls } from "../upstream/upstream-tls.ts";
import type {
	Dialled,
	DialTarget,
	DialUser,
	ProxiedClient,
	TransportWishes,
	UpstreamTransport,
} from "../upstream/upstream-transport.ts";
import { formatProxyV1, formatProxyV2, proxyV2Local, type Tlv } from "./proxy-header.ts";
import type { ProxyProtocolRules } from "./proxy-protocol-config.ts";

/** Sends a PROXY protocol header before anything else, then speaks by another transport (Envoy: upstream_proxy_protocol). */
export class ProxyProtocolTransport implements UpstreamTransport {
	readonly #rules: ProxyProtocolRules;
	readonly #inner: UpstreamTransport;
	closed = false;

	constructor(rules: ProxyProtocolRules, inner: UpstreamTransport) {
		this.#rules = rules;
		this.#inner = inner;
	}

	get ready(): boolean {
		return this.#inner.ready;
	}

	get negotiates(): boolean {
		return this.#inner.negotiates;
	}

	/** A connection tells of one client, so only that client's requests may share it. */
	keyOf(wishes: TransportWishes): string {
		const { client } = wishes;
		const inner = this.#inner.keyOf(wishes);
		if (!client) return inner;
		const { sourceIp, sourcePort, destinationIp, destinationPort } = client;
		return `${inner}|${sourceIp}:${sourcePort}>${destinationIp}:${destinationPort}`;
	}

	dial(target: DialTarget, wishes: TransportWishes, user: DialUser): Dialled {
		if (this.#inner instanceof UpstreamTls && this.#inner.ready)
			return this.#dialSecure(target, wishes, this.#inner, user);
		if (this.#inner instanceof UpstreamTls) return this.#inner.dial(target, wishes, user);
		const socket = connect(connectOptions(target));
		socket.once("connect", () => {
			socket.write(this.#header(socket, wishes.client));
			user.onReady(undefined);
		});
		return { socket, readsByEvent: false };
	}

	whenSettled(task: () => void): void {
		this.#inner.whenSettled(task);
	}

	close(): void {
		this.closed = true;
		this.#inner.close();
	}

	/** The header's listener stands before the handshake's, so that it is sent first. */
	#dialSecure(target: DialTarget, wishes: TransportWishes, tls: UpstreamTls, user: DialUser): Dialled {
		const plain = connect(connectOptions({ ...target, onread: undefined }));
		plain.once("connect", () => plain.write(this.#header(plain, wishes.client)));
		return { socket: tls.secure(plain, wishes, user), readsByEvent: true };
	}

	#header(socket: Socket, client: ProxiedClient | undefined): Buffer | string {
		const { version, added } = this.#rules;
		if (version === 2) return client ? formatProxyV2(client, [...this.#passed(client), ...added]) : proxyV2Local();
		const { localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 } = socket;
		return formatProxyV1(
			client ?? {
				sourceIp: localAddress,
				sourcePort: localPort,
				destinationIp: remoteAddress,
				destinationPort: remotePort,
			},
		);
	}

	#passed({ tlvs }: ProxiedClient): readonly Tlv[] {
		const { pass } = this.#rules;
		return pass === "all" ? tlvs : tlvs.filter(({ type }) => pass.has(type));
	}
}
