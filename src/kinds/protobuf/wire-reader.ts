import { ProtobufError } from "./protobuf-error.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads protobuf's wire format; every read checks its bounds and throws `ProtobufError` on malformed bytes. */
export class WireReader {
	readonly #bytes: Uint8Array;
	readonly #end: number;
	#at: number;

	constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
		this.#bytes = bytes;
		this.#at = start;
		this.#end = end;
	}

	get done(): boolean {
		return this.#at >= this.#end;
	}

	/** The next tag: field number and wire type. */
	tag(): { field: number; wireType: number } {
		const key = Number(this.varint());
		if (key >>> 3 === 0) throw new ProtobufError("field number 0");
		return { field: key >>> 3, wireType: key & 7 };
	}

	varint(): bigint {
		let value = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			if (this.done) throw new ProtobufError("varint ends early");
			const byte = this.#bytes[this.#at++]!;
			value |= BigInt(byte & 0x7f) << shift;
			if (byte < 0x80) return BigInt.asUintN(64, value);
		}
		throw new ProtobufError("varint is longer than 10 bytes");
	}

	double(): number {
		const at = this.#take(8);
		return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0, true);
	}

	bytes(): Uint8Array {
		const length = this.#length();
		const at = this.#take(length);
		return this.#bytes.subarray(at, at + length);
	}

	text(): string {
		try {
			return utf8.decode(this.bytes());
		} catch (cause) {
			if (cause instanceof ProtobufError) throw cause;
			throw new ProtobufError("text is not UTF-8", { cause });
		}
	}

	/** A reader over a length-delimited field. */
	nested(): WireReader {
		const length = this.#length();
		const at = this.#take(length);
		return new WireReader(this.#bytes, at, at + length);
	}

	/** Passes over a field that is not known. */
	skip(wireType: number): void {
		if (wireType === 0) this.varint();
		else if (wireType === 1) this.#take(8);
		else if (wireType === 2) this.#take(this.#length());
		else if (wireType === 5) this.#take(4);
		else throw new ProtobufError(`wire type ${wireType}`);
	}

	#length(): number {
		const length = this.varint();
		if (length > BigInt(this.#end - this.#at)) throw new ProtobufError("field ends early");
		return Number(length);
	}

	#take(count: number): number {
		if (this.#at + count > this.#end) throw new ProtobufError("field ends early");
		const at = this.#at;
		this.#at += count;
		return at;
	}
}
