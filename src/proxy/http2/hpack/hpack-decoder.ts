import { fieldOfName, fieldWithValue, type HpackField } from "./hpack-field.ts";
import { decodeHuffman } from "./huffman.ts";
import { STATIC_TABLE } from "./static-table.ts";

/** Takes the fields of one block, in order. */
export interface FieldSink {
	onField(field: HpackField): void;
}

const STATIC: readonly HpackField[] = STATIC_TABLE.map(([name, value]) => fieldOfName(name, value));
const MAX_INTEGER = 2 ** 30;

/**
 * The peer's compression context (RFC 7541): field blocks to fields. An error is final: after it the table is no longer what the peer
 * believes it is, and the connection must end.
 */
export class HpackDecoder {
	/** Highest size that the peer may choose: SETTINGS_HEADER_TABLE_SIZE as we announced it. */
	readonly #limit: number;
	#capacity: number;
	/** Ring: the newest entry is at `#newest`. */
	#ring: (HpackField | undefined)[] = new Array(64);
	#newest = 0;
	#count = 0;
	#bytes = 0;
	#at = 0;

	constructor(tableBytes: number) {
		this.#limit = tableBytes;
		this.#capacity = tableBytes;
	}

	/** Decodes one whole block; false when it breaks the rules of compression (COMPRESSION_ERROR). */
	decode(buf: Buffer, start: number, end: number, sink: FieldSink): boolean {
		this.#at = start;
		// Changes of the table's size come first (RFC 7541 4.2).
		while (this.#at < end && (buf[this.#at]! & 0xe0) === 0x20)
			if (!this.#resize(this.#integer(buf, end, 5))) return false;
		while (this.#at < end) {
			const field = buf[this.#at]! >= 0x80 ? this.#entry(this.#integer(buf, end, 7)) : this.#literal(buf, end);
			if (field === undefined) return false;
			sink.onField(field);
		}
		return true;
	}

	#literal(buf: Buffer, end: number): HpackField | undefined {
		const first = buf[this.#at]!;
		if (first < 0x40) return first < 0x20 ? this.#readLiteral(buf, end, 4) : undefined;
		const field = this.#readLiteral(buf, end, 6);
		if (field !== undefined) this.#insert(field);
		return field;
	}

	#readLiteral(buf: Buffer, end: number, prefix: number): HpackField | undefined {
		const index = this.#integer(buf, end, prefix);
		if (index < 0) return undefined;
		if (index > 0) {
			const named = this.#entry(index);
			const value = this.#text(buf, end);
			return named === undefined || value === undefined ? undefined : fieldWithValue(named, value);
		}
		const name = this.#text(buf, end);
		if (name === undefined) return undefined;
		const value = this.#text(buf, end);
		return value === undefined ? undefined : fieldOfName(name, value);
	}

	#entry(index: number): HpackField | undefined {
		if (index <= STATIC.length) return STATIC[index - 1];
		const age = index - STATIC.length - 1;
		return age < this.#count ? this.#ring[(this.#newest - age) & (this.#ring.length - 1)] : undefined;
	}

	#text(buf: Buffer, end: number): string | undefined {
		if (this.#at >= end) return undefined;
		const huffman = buf[this.#at]! >= 0x80;
		const length = this.#integer(buf, end, 7);
		const start = this.#at;
		if (length < 0 || start + length > end) return undefined;
		this.#at = start + length;
		return huffman ? decodeHuffman(buf, start, start + length) : buf.toString("latin1", start, start + length);
	}

	/** An integer with a prefix of so many bits (RFC 7541 5.1); -1 when it is cut off or absurd. */
	#integer(buf: Buffer, end: number, prefix: number): number {
		const full = (1 << prefix) - 1;
		let value = buf[this.#at++]! & full;
		if (value < full) return value;
		for (let shift = 0; shift <= 28 && this.#at < end; shift += 7) {
			const byte = buf[this.#at++]!;
			value += (byte & 0x7f) * 2 ** shift;
			if (byte < 0x80) return value <= MAX_INTEGER ? value : -1;
		}
		return -1;
	}

	#resize(capacity: number): boolean {
		if (capacity < 0 || capacity > this.#limit) return false;
		this.#capacity = capacity;
		this.#evict(0);
		return true;
	}

	#insert(field: HpackField): void {
		this.#evict(field.size);
		if (field.size > this.#capacity) return;
		if (this.#count === this.#ring.length) this.#grow();
		this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
		this.#ring[this.#newest] = field;
		this.#count++;
		this.#bytes += field.size;
	}

	/** Makes room for `bytes` more. */
	#evict(bytes: number): void {
		while (this.#count > 0 && this.#bytes + bytes > this.#capacity) {
			const oldest = (this.#newest - this.#count + 1) & (this.#ring.length - 1);
			this.#bytes -= this.#ring[oldest]!.size;
			this.#ring[oldest] = undefined;
			this.#count--;
		}
	}

	#grow(): void {
		const old = this.#ring;
		const wider: (HpackField | undefined)[] = new Array(old.length * 2);
		for (let age = 0; age < this.#count; age++)
			wider[this.#count - 1 - age] = old[(this.#newest - age) & (old.length - 1)];
		this.#ring = wider;
		this.#newest = this.#count - 1;
	}
}
