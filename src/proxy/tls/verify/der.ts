/** One element of DER (X.690) and what is in it. */
export interface DerElement {
	readonly tag: number;
	/** With tag and length. */
	readonly whole: Buffer;
	readonly content: Buffer;
}

export const DER = {
	boolean: 0x01,
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	oid: 0x06,
	sequence: 0x30,
} as const;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;

/** The elements that stand one after the other in `bytes`; throws when that is not DER. */
export function readDer(bytes: Buffer): DerElement[] {
	const elements: DerElement[] = [];
	let at = 0;
	while (at < bytes.length) {
		const element = elementAt(bytes, at);
		elements.push(element);
		at += element.whole.length;
	}
	return elements;
}

function elementAt(bytes: Buffer, at: number): DerElement {
	const first = bytes[at + 1] ?? 0x80;
	const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
	const contentAt = at + 2 + lengthBytes;
	if (first === 0x80 || lengthBytes > 4 || contentAt > bytes.length) throw new Error("this is not DER");
	const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
	const end = contentAt + length;
	if (end > bytes.length) throw new Error("the DER is cut short");
	return { tag: bytes[at]!, whole: bytes.subarray(at, end), content: bytes.subarray(contentAt, end) };
}

/** Milliseconds since the epoch of a Time (RFC 5280 4.1.2.5); NaN for other elements. */
export function readTime({ tag, content }: DerElement): number {
	const text = content.toString("latin1");
	const year = tag === UTC_TIME ? (text < "50" ? "20" : "19") : "";
	const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(year + text);
	if (!parts || (tag !== UTC_TIME && tag !== GENERALIZED_TIME)) return Number.NaN;
	const [, y, month, day, hour, minute, second] = parts.map(Number) as [number, ...number[]];
	return Date.UTC(y!, month! - 1, day, hour, minute, second);
}
