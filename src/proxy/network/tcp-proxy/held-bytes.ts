/** Bytes that were read and may not go on yet; reading is paused meanwhile, so there are few. */
export class HeldBytes {
	readonly pieces: Buffer[] = [];
	/** The client has ended its side behind them. */
	ended = false;

	/** Copies: `buf` is the reader's. */
	add(buf: Buffer, end: number): void {
		this.pieces.push(Buffer.copyBytesFrom(buf, 0, end));
	}
}
