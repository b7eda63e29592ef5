const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const MASK = 0xffffffffffffffffn;

const mul = (a: bigint, b: bigint) => (a * b) & MASK;
const add = (a: bigint, b: bigint) => (a + b) & MASK;
const rotl = (x: bigint, r: bigint) => ((x << r) | (x >> (64n - r))) & MASK;
const round = (acc: bigint, lane: bigint) => mul(rotl(add(acc, mul(lane, P2)), 31n), P1);
const merge = (acc: bigint, lane: bigint) => add(mul(acc ^ round(0n, lane), P1), P4);

/** XXH64 of the text's UTF-8 bytes: the hash that Envoy builds rings and tables with. */
export function xxHash64(text: string, seed = 0n): bigint {
	const bytes = new TextEncoder().encode(text);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let at = 0;
	let hash: bigint;
	if (bytes.length >= 32) {
		const lanes = [add(add(seed, P1), P2), add(seed, P2), seed, (seed - P1) & MASK];
		for (; at + 32 <= bytes.length; at += 32)
			for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i]!, view.getBigUint64(at + 8 * i, true));
		const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
		hash = add(add(rotl(a, 1n), rotl(b, 7n)), add(rotl(c, 12n), rotl(d, 18n)));
		for (const lane of lanes) hash = merge(hash, lane);
	} else {
		hash = add(seed, P5);
	}
	return finish(view, at, add(hash, BigInt(bytes.length)));
}

function finish(view: DataView, from: number, start: bigint): bigint {
	let at = from;
	let hash = start;
	for (; at + 8 <= view.byteLength; at += 8)
		hash = add(mul(rotl(hash ^ round(0n, view.getBigUint64(at, true)), 27n), P1), P4);
	if (at + 4 <= view.byteLength) {
		hash = add(mul(rotl(hash ^ mul(BigInt(view.getUint32(at, true)), P1), 23n), P2), P3);
		at += 4;
	}
	for (; at < view.byteLength; at++) hash = mul(rotl(hash ^ mul(BigInt(view.getUint8(at)), P5), 11n), P1);
	hash = mul(hash ^ (hash >> 33n), P2);
	hash = mul(hash ^ (hash >> 29n), P3);
	return hash ^ (hash >> 32n);
}
