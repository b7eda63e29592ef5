const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint) => wrap((value << bits) | (value >> (64n - bits)));
const round = (lane: bigint, input: bigint) => wrap(rotate(wrap(lane + input * P2), 31n) * P1);
const mergeLane = (hash: bigint, lane: bigint) => wrap((hash ^ round(0n, lane)) * P1 + P4);

/** xxHash64, the hash that Envoy's hash policies and hash rings use; the result is an unsigned 64-bit number. */
export function xxHash64(bytes: Uint8Array, seed = 0n): bigint {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const { hash: start, at } = bytes.length >= 32 ? hashStripes(view, seed) : { hash: wrap(seed + P5), at: 0 };
	return avalanche(hashTail(view, at, wrap(start + BigInt(bytes.length))));
}

const encoder = new TextEncoder();

/** xxHash64 of a text's UTF-8 bytes. */
export function xxHash64Utf8(text: string, seed = 0n): bigint {
	return xxHash64(encoder.encode(text), seed);
}

/** Whole 32-byte stripes, in four lanes. */
function hashStripes(view: DataView, seed: bigint): { hash: bigint; at: number } {
	let a = wrap(seed + P1 + P2);
	let b = wrap(seed + P2);
	let c = seed;
	let d = wrap(seed - P1);
	let at = 0;
	for (; at + 32 <= view.byteLength; at += 32) {
		a = round(a, view.getBigUint64(at, true));
		b = round(b, view.getBigUint64(at + 8, true));
		c = round(c, view.getBigUint64(at + 16, true));
		d = round(d, view.getBigUint64(at + 24, true));
	}
	const sum = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
	return { hash: [a, b, c, d].reduce(mergeLane, sum), at };
}

/** What is left after the stripes: words of 8, one of 4, single bytes. */
function hashTail(view: DataView, from: number, start: bigint): bigint {
	let hash = start;
	let at = from;
	for (; at + 8 <= view.byteLength; at += 8)
		hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
	if (at + 4 <= view.byteLength) {
		hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
		at += 4;
	}
	for (; at < view.byteLength; at++) hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * P5), 11n) * P1);
	return hash;
}

function avalanche(hash: bigint): bigint {
	let h = wrap((hash ^ (hash >> 33n)) * P2);
	h = wrap((h ^ (h >> 29n)) * P3);
	return h ^ (h >> 32n);
}
