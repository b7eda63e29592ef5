import type { Random } from "../../lib/random.ts";

/** No vowels and no look-alikes: a generated name never spells a word (Kubernetes' alphabet). */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** Five random characters, for `<owner>-xxxxx`. */
export function randomSuffix(random: Random): string {
	return Array.from({ length: 5 }, () => ALPHABET[random.below(ALPHABET.length)]).join("");
}

/** A stable short word for a text: 32-bit FNV-1a in decimal, each digit's character code mapped into the alphabet. */
export function safeHash(text: string): string {
	let hash = 0x811c9dc5;
	for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
	return [...String(hash >>> 0)].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join("");
}
