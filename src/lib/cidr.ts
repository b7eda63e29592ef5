/** An IP address as 32-bit words, most significant first: one for IPv4, four for IPv6. */
export type IpWords = readonly number[];

/** All addresses that begin with `prefixLength` bits of `words`. */
export interface Cidr {
	readonly words: IpWords;
	readonly prefixLength: number;
}

/** Parses `10.1.2.3`, `2001:db8::1`, `::ffff:10.1.2.3` (which stays IPv6); undefined for any other text, a zone too. */
export function parseIp(text: string): IpWords | undefined {
	return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** A range from its parts; undefined when the address is none or the prefix is longer than the address. */
export function parseCidr(address: string, prefixLength: number): Cidr | undefined {
	const words = parseIp(address);
	if (!words || !Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > words.length * 32)
		return undefined;
	return { words, prefixLength };
}

/** True when the address is of the range's family and begins with its prefix. */
export function cidrContains({ words, prefixLength }: Cidr, ip: IpWords): boolean {
	if (ip.length !== words.length) return false;
	let bits = prefixLength;
	for (let i = 0; bits > 0; i++, bits -= 32) {
		const differing = (ip[i]! ^ words[i]!) >>> 0;
		if (bits >= 32 ? differing !== 0 : differing >>> (32 - bits) !== 0) return false;
	}
	return true;
}

/** The address with all but its first `prefixLength` bits zero, as text; IPv6 in RFC 5952's form. */
export function formatMasked(ip: IpWords, prefixLength: number): string {
	const masked = ip.map((word, i) => {
		const bits = Math.min(32, Math.max(0, prefixLength - i * 32));
		return bits === 0 ? 0 : (word & (0xffffffff << (32 - bits))) >>> 0;
	});
	return masked.length === 1 ? formatIpv4(masked[0]!) : formatIpv6(masked);
}

function formatIpv4(word: number): string {
	return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function formatIpv6(words: IpWords): string {
	const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
	const gap = longestZeroRun(groups);
	const hex = (from: number, to: number) =>
		groups
			.slice(from, to)
			.map((group) => group.toString(16))
			.join(":");
	return gap.length < 2 ? hex(0, 8) : `${hex(0, gap.start)}::${hex(gap.start + gap.length, 8)}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
	let best = { start: 0, length: 0 };
	for (let start = 0; start < groups.length; start++) {
		let end = start;
		while (end < groups.length && groups[end] === 0) end++;
		if (end - start > best.length) best = { start, length: end - start };
	}
	return best;
}

function parseIpv4(text: string): IpWords | undefined {
	const octets = text.split(".");
	if (octets.length !== 4) return undefined;
	let word = 0;
	for (const octet of octets) {
		const value = parseOctet(octet);
		if (value < 0) return undefined;
		word = word * 256 + value;
	}
	return [word];
}

/** -1 when the text is none. A leading zero would make it octal to some readers, so it is refused. */
function parseOctet(text: string): number {
	if (text.length === 0 || text.length > 3 || (text.length > 1 && text.startsWith("0"))) return -1;
	let value = 0;
	for (let i = 0; i < text.length; i++) {
		const digit = text.charCodeAt(i) - 48;
		if (digit < 0 || digit > 9) return -1;
		value = value * 10 + digit;
	}
	return value > 255 ? -1 : value;
}

function parseIpv6(text: string): IpWords | undefined {
	const halves = text.split("::");
	if (halves.length > 2) return undefined;
	const head = parseGroups(halves[0]!, halves.length === 1);
	const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
	if (!head || !tail) return undefined;
	const missing = 8 - head.length - tail.length;
	if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
	const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
	return [0, 2, 4, 6].map((i) => groups[i]! * 65536 + groups[i + 1]!);
}

const HEX_GROUP = /^[0-9a-f]{1,4}$/i;

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
	if (text === "") return [];
	const groups: number[] = [];
	const parts = text.split(":");
	for (const [i, part] of parts.entries()) {
		if (HEX_GROUP.test(part)) groups.push(Number.parseInt(part, 16));
		else {
			const v4 = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : undefined;
			if (!v4) return undefined;
			groups.push(Math.floor(v4[0]! / 65536), v4[0]! % 65536);
		}
	}
	return groups;
}
