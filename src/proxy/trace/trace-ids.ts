import type { Random } from "../../lib/random.ts";

/** 16 hex digits, not all zero. */
export function randomId(random: Random): string {
	const high = random.below(0x1_0000_0000);
	const low = random.below(0xffff_ffff) + 1;
	return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** 32 hex digits. */
export function randomLongId(random: Random): string {
	return randomId(random) + randomId(random);
}
