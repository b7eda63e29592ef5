import { CODE_LENGTHS, CODES, END_OF_STRING } from "./huffman-code.ts";

const EMITS = 1 << 8;
/** The text may end here: what is left is less than a byte of ones, the start of the end-of-string code (RFC 7541 5.2). */
const MAY_END = 1 << 9;
const FAILS = 1 << 10;
const STATE_SHIFT = 11;

/**
 * The decoder as a state machine that takes four bits a step. State = inner node of the code tree; a transition holds the next state, the
 * byte that became complete (no code is shorter than five bits, so at most one does), and what it says of the end of the text.
 */
const TRANSITIONS = buildTransitions();
let scratch = Buffer.allocUnsafeSlow(4096);

/** The text of Huffman-coded bytes, one character per byte; undefined when the code or its padding is wrong. */
export function decodeHuffman(buf: Buffer, start: number, end: number): string | undefined {
	// Five bits are the shortest code.
	const room = Math.ceil(((end - start) * 8) / 5);
	if (scratch.length < room) scratch = Buffer.allocUnsafeSlow(room * 2);
	const out = scratch;
	let length = 0;
	let step = MAY_END;
	for (let at = start; at < end; at++) {
		const byte = buf[at]!;
		step = TRANSITIONS[((step >>> STATE_SHIFT) << 4) | (byte >>> 4)]!;
		if ((step & EMITS) !== 0) out[length++] = step & 0xff;
		if ((step & FAILS) !== 0) return undefined;
		step = TRANSITIONS[((step >>> STATE_SHIFT) << 4) | (byte & 15)]!;
		if ((step & EMITS) !== 0) out[length++] = step & 0xff;
		if ((step & FAILS) !== 0) return undefined;
	}
	return (step & MAY_END) !== 0 ? out.toString("latin1", 0, length) : undefined;
}

/** Bytes that `text` (one character per byte) takes in Huffman code. */
export function huffmanLength(text: string): number {
	let bits = 0;
	for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)]!;
	return (bits + 7) >>> 3;
}

/** Huffman code of `text` (one character per byte), itself as text of bytes. */
export function encodeHuffman(text: string): string {
	let coded = "";
	let pending = 0;
	let bits = 0;
	for (let i = 0; i < text.length; i++) {
		const symbol = text.charCodeAt(i);
		const length = CODE_LENGTHS[symbol]!;
		// At most 7 bits wait and a code has up to 30: beyond what 32 bits hold, so this is arithmetic on doubles.
		pending = pending * 2 ** length + CODES[symbol]!;
		bits += length;
		while (bits >= 8) {
			bits -= 8;
			const unit = 2 ** bits;
			const byte = Math.floor(pending / unit);
			pending -= byte * unit;
			coded += String.fromCharCode(byte);
		}
	}
	return bits === 0 ? coded : coded + String.fromCharCode((pending << (8 - bits)) | (0xff >> bits));
}

interface Node {
	readonly id: number;
	readonly depth: number;
	/** Only ones lead here. */
	readonly ones: boolean;
	readonly next: [Node | number | undefined, Node | number | undefined];
}

function buildTransitions(): Int32Array {
	const nodes: Node[] = [];
	const addNode = (depth: number, ones: boolean): Node => {
		const node: Node = { id: nodes.length, depth, ones, next: [undefined, undefined] };
		nodes.push(node);
		return node;
	};
	const root = addNode(0, true);
	for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
		let node = root;
		for (let bit = CODE_LENGTHS[symbol]! - 1; bit >= 0; bit--) {
			const side = (CODES[symbol]! >>> bit) & 1;
			if (bit === 0) node.next[side] = symbol;
			else {
				node.next[side] ??= addNode(node.depth + 1, node.ones && side === 1);
				node = node.next[side] as Node;
			}
		}
	}
	const table = new Int32Array(nodes.length * 16);
	for (const node of nodes)
		for (let bits = 0; bits < 16; bits++) table[node.id * 16 + bits] = transition(node, bits, root);
	return table;
}

function transition(from: Node, bits: number, root: Node): number {
	let node = from;
	let emitted = 0;
	for (let bit = 3; bit >= 0; bit--) {
		const next = node.next[((bits >>> bit) & 1) as 0 | 1]!;
		if (typeof next !== "number") node = next;
		else if (next === END_OF_STRING) return FAILS;
		else {
			emitted = EMITS | next;
			node = root;
		}
	}
	const mayEnd = node.ones && node.depth < 8 ? MAY_END : 0;
	return (node.id << STATE_SHIFT) | mayEnd | emitted;
}
