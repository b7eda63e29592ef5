/** Where a session's bytes go; `Transport` (codec/transport.ts) is one. */
export interface Http2Output {
	/** Queues text whose characters are bytes. */
	send(text: string): void;
	/** Queues bytes of a buffer that is valid now only. */
	sendBytes(buf: Buffer, start: number, end: number): void;
	/** The output calls it at the end of each turn in which it was woken or sent something. */
	beforeFlush: (() => void) | undefined;
	wake(): void;
	/** The peer takes less than it is sent; the session is told by `onOutputDrain` when that has changed. */
	readonly congested: boolean;
	/** Bytes that have not been handed to the system yet. */
	readonly backlogBytes: number;
}
