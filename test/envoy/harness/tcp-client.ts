import { type ConnectionEnd, openSocket, pause } from "./client-socket.ts";
import type { TcpConversation } from "./conversation.ts";
import { bodyText } from "./http1-message.ts";

/** What a client of plain TCP (or TLS) saw. */
export interface TcpSeen {
	readonly received: string;
	readonly connection: ConnectionEnd;
	/** What ALPN chose, with TLS. */
	readonly alpn?: string | false | null;
}

export async function talkTcp(script: TcpConversation, port: number): Promise<TcpSeen> {
	const client = await openSocket(port, script.tls);
	const deadline = performance.now() + (script.withinMs ?? 3000);
	const arrived = async (bytes: number) => {
		while (client.received.left.length < bytes && !client.received.ended && performance.now() < deadline)
			await pause(2);
	};
	try {
		for (const piece of script.send ?? []) {
			if (typeof piece === "string" || Buffer.isBuffer(piece)) client.write(piece);
			else if ("pauseMs" in piece) await pause(piece.pauseMs);
			else await arrived(piece.awaitBytes);
		}
		if (script.end === "half-close") client.socket.end();
		if (script.end === "reset") client.socket.resetAndDestroy();
		if (script.expectBytes !== undefined) await arrived(script.expectBytes);
		const settleMs = script.settleMs ?? (script.expectBytes === undefined ? (script.withinMs ?? 3000) : 15);
		const connection = await client.settle(settleMs);
		const alpn = "alpnProtocol" in client.socket ? (client.socket.alpnProtocol as string | false | null) : undefined;
		return { received: bodyText(client.received.left), connection, alpn };
	} finally {
		client.destroy();
	}
}
