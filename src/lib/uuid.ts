import type { Random } from "./random.ts";

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: Random): string {
	const hex = (bits: number) =>
		random
			.below(2 ** bits)
			.toString(16)
			.padStart(bits / 4, "0");
	const variant = (8 + random.below(4)).toString(16);
	return `${hex(32)}-${hex(16)}-4${hex(12)}-${variant}${hex(12)}-${hex(32)}${hex(16)}`;
}
