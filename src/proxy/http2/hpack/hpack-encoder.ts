import { FIELD_OVERHEAD } from "./hpack-field.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { STATIC_TABLE } from "./static-table.ts";

/** How fields of one name are written. */
const INDEX = 0;
/** Differs from message to message: enters the table only when the same value comes twice in a row. */
const INDEX_REPEATED = 1;
/** A secret: no table, here or at the next hop (RFC 7541 7.1.3). */
const NEVER = 2;

/** Table entries bigger than this push out too much. */
const MAX_ENTRY_SHARE = 0.5;
/** Cookies shorter than this could be guessed from the size of what is sent (as in nghttp2). */
const SHORT_COOKIE = 20;

const REPEATED =
	`:path x-request-id traceparent tracestate x-b3-traceid x-b3-spanid x-b3-parentspanid b3 content-length age etag if-none-match
if-modified-since last-modified location set-cookie grpc-timeout x-envoy-external-address x-forwarded-for x-envoy-upstream-service-time
x-amzn-trace-id x-cloud-trace-context`.split(/\s+/);

/** References to table entries as they are written. */
const ONE_BYTE_INDEXES = Array.from({ length: 127 }, (_, index) => String.fromCharCode(0x80 | index));

/** What is known of a name: where it stands in the tables, and its values that are in the dynamic table. */
interface NameRecord {
	readonly name: string;
	readonly policy: number;
	/** 0 when it has none. */
	readonly staticIndex: number;
	/** Whole fields of the static table, as written. */
	readonly fixed: ReadonlyMap<string, string> | undefined;
	/** Value → number of the insertion that made the entry. */
	readonly values: Map<string, number>;
	/** Insertion that brought the name last; 0 when none is left. */
	newest: number;
	lastValue: string;
	/** Kept when the table holds no entry of it. */
	readonly lasting: boolean;
}

interface Entry {
	readonly record: NameRecord;
	readonly value: string;
	readonly size: number;
}

/**
 * Our compression context (RFC 7541): fields to text of bytes. A field that repeats costs two look-ups and no new text. Secrets are never
 * put into the table; text that goes there is Huffman-coded where that is shorter, text that is sent once is not.
 */
export class HpackEncoder {
	readonly #limit: number;
	#capacity: number;
	readonly #names = new Map<string, NameRecord>();
	/** Oldest first; entry i was insertion `#dropped + i + 1`. */
	#entries: Entry[] = [];
	#first = 0;
	#inserted = 0;
	#bytes = 0;
	/** Lowest and last size chosen since the last block. */
	#lowest = -1;
	#resized = -1;

	/** `tableBytes`: at most so much memory, whatever the peer allows. Until it says otherwise it allows 4096. */
	constructor(tableBytes: number) {
		this.#limit = tableBytes;
		this.#capacity = Math.min(tableBytes, 4096);
		if (this.#capacity !== 4096) this.#noteResize(this.#capacity);
		for (const record of lastingRecords()) this.#names.set(record.name, record);
	}

	/** The peer's SETTINGS_HEADER_TABLE_SIZE. */
	resize(peerBytes: number): void {
		const capacity = Math.min(peerBytes, this.#limit);
		if (capacity === this.#capacity) return;
		this.#capacity = capacity;
		this.#evict(0);
		this.#noteResize(capacity);
	}

	/** What a block begins with: the table's new size where it changed. */
	begin(): string {
		if (this.#resized < 0) return "";
		const lowest = this.#lowest < this.#resized ? integer(0x20, 5, this.#lowest) : "";
		const text = lowest + integer(0x20, 5, this.#resized);
		this.#resized = -1;
		this.#lowest = -1;
		return text;
	}

	/** One field, `name` in lower case. */
	encode(name: string, value: string): string {
		const record = this.#names.get(name);
		if (record === undefined) return this.#encodeNew(name, value);
		const fixed = record.fixed?.get(value);
		if (fixed !== undefined) return fixed;
		const insertion = record.values.get(value);
		if (insertion !== undefined) return indexed(STATIC_TABLE.length + 1 + this.#inserted - insertion);
		return this.#literal(record, value);
	}

	#literal(record: NameRecord, value: string): string {
		const text = asBytes(value);
		if (record.policy === NEVER && !(record.name === "cookie" && text.length >= SHORT_COOKIE))
			return this.#name(record, 0x10, 4) + plainText(text);
		const repeats = record.policy !== INDEX_REPEATED || record.lastValue === value;
		const size = record.name.length + text.length + FIELD_OVERHEAD;
		if (!repeats || text !== value || size > this.#capacity * MAX_ENTRY_SHARE) {
			record.lastValue = size > this.#capacity ? "" : value;
			return this.#name(record, 0, 4) + plainText(text);
		}
		const written = this.#name(record, 0x40, 6) + shortText(text);
		this.#insert(record, value, size);
		return written;
	}

	#encodeNew(name: string, value: string): string {
		const record = nameRecord(name, INDEX, 0, false);
		const written = this.#literal(record, value);
		if (record.values.size > 0) this.#names.set(name, record);
		return written;
	}

	/** Start of a literal: the name by index where there is one. */
	#name(record: NameRecord, pattern: number, prefix: number): string {
		if (record.staticIndex > 0) return integer(pattern, prefix, record.staticIndex);
		if (record.newest > 0) return integer(pattern, prefix, STATIC_TABLE.length + 1 + this.#inserted - record.newest);
		return String.fromCharCode(pattern) + shortText(asBytes(record.name));
	}

	#insert(record: NameRecord, value: string, size: number): void {
		this.#evict(size);
		this.#entries.push({ record, value, size });
		this.#inserted++;
		this.#bytes += size;
		record.values.set(value, this.#inserted);
		record.newest = this.#inserted;
	}

	#evict(bytes: number): void {
		while (this.#first < this.#entries.length && this.#bytes + bytes > this.#capacity) {
			const { record, value, size } = this.#entries[this.#first++]!;
			const insertion = this.#inserted - (this.#entries.length - this.#first);
			this.#bytes -= size;
			if (record.values.get(value) === insertion) record.values.delete(value);
			if (record.newest === insertion) record.newest = 0;
			if (record.values.size === 0 && !record.lasting) this.#names.delete(record.name);
		}
		if (this.#first < 256 || this.#first * 2 < this.#entries.length) return;
		this.#entries = this.#entries.slice(this.#first);
		this.#first = 0;
	}

	#noteResize(capacity: number): void {
		if (this.#lowest < 0 || capacity < this.#lowest) this.#lowest = capacity;
		this.#resized = capacity;
	}
}

function nameRecord(name: string, policy: number, staticIndex: number, lasting: boolean): NameRecord {
	return { name, policy, staticIndex, fixed: undefined, values: new Map(), newest: 0, lastValue: "", lasting };
}

/** The records that each context starts with: names of the static table, and those that are treated in a way of their own. */
function lastingRecords(): NameRecord[] {
	return LASTING.map(({ name, policy, staticIndex, fixed }) => ({
		...nameRecord(name, policy, staticIndex, true),
		fixed,
	}));
}

const LASTING = describeLasting();

function describeLasting(): Pick<NameRecord, "name" | "policy" | "staticIndex" | "fixed">[] {
	const names = new Set([...STATIC_TABLE.map(([name]) => name), ...REPEATED]);
	return [...names].map((name) => {
		const fixed = new Map<string, string>();
		STATIC_TABLE.forEach(([other, value], i) => {
			if (other === name && value !== "") fixed.set(value, indexed(i + 1));
		});
		const staticIndex = STATIC_TABLE.findIndex(([other]) => other === name) + 1;
		return { name, policy: policyOf(name), staticIndex, fixed: fixed.size > 0 ? fixed : undefined };
	});
}

function policyOf(name: string): number {
	if (name === "authorization" || name === "proxy-authorization" || name === "cookie") return NEVER;
	return REPEATED.includes(name) ? INDEX_REPEATED : INDEX;
}

function indexed(index: number): string {
	return index < 127 ? ONE_BYTE_INDEXES[index]! : integer(0x80, 7, index);
}

/** RFC 7541 5.1. */
function integer(pattern: number, prefix: number, value: number): string {
	const full = (1 << prefix) - 1;
	if (value < full) return String.fromCharCode(pattern | value);
	let text = String.fromCharCode(pattern | full);
	let rest = value - full;
	for (; rest >= 128; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
	return text + String.fromCharCode(rest);
}

function plainText(text: string): string {
	return integer(0, 7, text.length) + text;
}

function shortText(text: string): string {
	const coded = huffmanLength(text);
	return coded < text.length ? integer(0x80, 7, coded) + encodeHuffman(text) : plainText(text);
}

const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** Text that configuration brought in may hold more than bytes: it goes out as UTF-8 (as in HTTP/1, codec/serialise.ts). */
function asBytes(text: string): string {
	return BEYOND_LATIN1.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}
