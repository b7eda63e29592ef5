import { encodeBase64, joined } from "./base64-stream.ts";

const PREFIX_BYTES = 5;

/** Writes a gRPC body that comes in pieces as base64, each frame on its own (with its own padding), as gRPC-Web text wants it. */
export class TextFrameEncoder {
	/** Bytes of the current frame that make no group of three yet. */
	#left: Uint8Array = new Uint8Array();
	/** The current frame's prefix as far as it has come. */
	readonly #prefix: number[] = [];
	/** Bytes of the current frame that are still to come; undefined while its prefix is not whole. */
	#missing: number | undefined;

	encode(data: Uint8Array): Uint8Array {
		const out: Uint8Array[] = [];
		let at = 0;
		while (at < data.length) {
			const end = this.#missing === undefined ? at + 1 : Math.min(data.length, at + this.#missing);
			const piece = data.subarray(at, end);
			if (this.#missing === undefined) this.#readPrefix(data[at]!);
			else this.#missing -= piece.length;
			this.#append(piece, out);
			at = end;
		}
		return joined(out);
	}

	#readPrefix(byte: number): void {
		this.#prefix.push(byte);
		if (this.#prefix.length < PREFIX_BYTES) return;
		this.#missing = this.#prefix.slice(1).reduce((length, one) => length * 256 + one, 0);
		this.#prefix.length = 0;
	}

	#append(piece: Uint8Array, out: Uint8Array[]): void {
		const all = joined([this.#left, piece]);
		const frameEnds = this.#missing === 0;
		const whole = frameEnds ? all.length : all.length - (all.length % 3);
		if (whole > 0) out.push(encodeBase64(all.subarray(0, whole)));
		this.#left = all.slice(whole);
		if (frameEnds) this.#missing = undefined;
	}
}
