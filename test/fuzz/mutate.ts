import type { Random } from "../../src/lib/random.ts";

/** Bytes that codecs give a meaning to. */
const INTERESTING = Buffer.from('\r\n\t :;,=/?#%\0"\\()[]{}\x7f\x80\xff0123456789abcdefGPH', "latin1");
const MAX_BYTES = 64 * 1024;

/** A few random changes: bytes flipped, replaced, inserted, cut out, repeated, or taken from another sample. */
export function mutate(bytes: Buffer, samples: readonly Buffer[], random: Random): Buffer {
	let changed = bytes;
	for (let times = random.below(6); times > 0; times--) changed = changeOnce(changed, samples, random);
	return changed.length > MAX_BYTES ? changed.subarray(0, MAX_BYTES) : changed;
}

function changeOnce(bytes: Buffer, samples: readonly Buffer[], random: Random): Buffer {
	const at = random.below(bytes.length + 1);
	const length = 1 + random.below(random.below(4) === 0 ? 64 : 4);
	const before = bytes.subarray(0, at);
	const after = bytes.subarray(at);
	switch (random.below(7)) {
		case 0:
			return Buffer.concat([before, randomBytes(length, random), after]);
		case 1:
			return Buffer.concat([before, after.subarray(length)]);
		case 2:
			return Buffer.concat([before, after.subarray(0, length), after]);
		case 3: {
			const other = samples[random.below(samples.length)]!;
			return Buffer.concat([before, other.subarray(random.below(other.length + 1))]);
		}
		case 4: {
			const other = samples[random.below(samples.length)]!;
			const from = random.below(other.length + 1);
			return Buffer.concat([before, other.subarray(from, from + length), after]);
		}
		case 5: {
			const copy = Buffer.from(bytes);
			if (copy.length > 0) copy[at % copy.length]! ^= 1 << random.below(8);
			return copy;
		}
		default:
			return Buffer.concat([before, randomBytes(length, random), after.subarray(length)]);
	}
}

function randomBytes(length: number, random: Random): Buffer {
	const pick = () => (random.below(3) === 0 ? random.below(256) : INTERESTING[random.below(INTERESTING.length)]!);
	return Buffer.from(Array.from({ length }, pick));
}

/** Cuts the bytes at random places: often few and large pieces, sometimes single bytes. */
export function cut(bytes: Buffer, random: Random): Buffer[] {
	const pieces: Buffer[] = [];
	const longest = [1, 2, 9, 80, 4000][random.below(5)]!;
	for (let at = 0; at < bytes.length; ) {
		const end = Math.min(bytes.length, at + 1 + random.below(longest));
		// A buffer of its own, so that a codec that keeps a view of a shared one is found out.
		pieces.push(Buffer.from(bytes.subarray(at, end)));
		at = end;
	}
	return pieces;
}
