import { Socket } from "node:net";

type ReadCallback = (bytes: number, buf: Uint8Array) => boolean;
/** What Node keeps of the `onread` option in a socket. */
type OnReadSlots = Record<symbol, unknown> & { _handle?: { useUserBuffer?(buf: Uint8Array): void } | null };

/**
 * Node takes `onread` for sockets that a program makes, and has no way to ask for it on those that a server accepts: there each read
 * gets a buffer and a stream event of its own. The option is kept under these symbols; a Node that keeps it elsewhere reads by events.
 */
const SLOTS = findSlots(["kBuffer", "kBufferCb", "kBufferGen"]);

function findSlots(names: readonly string[]): readonly symbol[] | undefined {
	const symbols = Object.getOwnPropertySymbols(new Socket());
	const found = names.flatMap((name) => symbols.find(({ description }) => description === name) ?? []);
	return found.length === names.length ? found : undefined;
}

/**
 * From here on what comes on an accepted socket is read into `buffer` and told to `callback`; what the socket has read before comes as
 * "data" first. False: this socket (or this Node) has no such way, all comes as "data".
 */
export function readIntoOwnBuffer(socket: Socket, buffer: Uint8Array, callback: ReadCallback): boolean {
	const slots = socket as unknown as OnReadSlots;
	const handle = slots._handle;
	const takeBuffer = handle?.useUserBuffer;
	if (!SLOTS || typeof takeBuffer !== "function") return false;
	const [buf, cb] = SLOTS as [symbol, symbol, symbol];
	slots[buf] = buffer;
	slots[cb] = callback;
	takeBuffer.call(handle, buffer);
	return true;
}
