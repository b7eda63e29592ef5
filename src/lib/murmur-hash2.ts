const M = 0xc6a4a7935bd1e995n;
const R = 47n;
const wrap = (value: bigint) => BigInt.asUintN(64, value);
const mix = (value: bigint) => value ^ (value >> R);

/** The seed of GNU's std::hash, which Envoy uses. */
const SEED = 0xc70f6907n;

const encoder = new TextEncoder();

/** 64-bit MurmurHash2 (MurmurHash64A) of a text's UTF-8 bytes, as std::hash of the GNU C++ library computes it. */
export function murmurHash2Utf8(text: string, seed = SEED): bigint {
	const bytes = encoder.encode(text);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let hash = wrap(seed ^ (BigInt(bytes.length) * M));
	let at = 0;
	for (; at + 8 <= bytes.length; at += 8) {
		const word = wrap(mix(wrap(view.getBigUint64(at, true) * M)) * M);
		hash = wrap((hash ^ word) * M);
	}
	if (at < bytes.length) {
		let tail = 0n;
		for (let i = bytes.length - 1; i >= at; i--) tail = (tail << 8n) | BigInt(bytes[i]!);
		hash = wrap((hash ^ tail) * M);
	}
	return mix(wrap(mix(hash) * M));
}
