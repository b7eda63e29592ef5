/** An IPv4 or IPv6 range. */
export interface AddressRange {
	contains(ip: string): boolean;
}

/** `ip` and prefix length as a range; undefined when `ip` is no address or the length does not fit. */
export function addressRange(ip: string, prefixLength: number): AddressRange | undefined {
	const bits = addressBits(ip);
	if (bits === undefined || prefixLength < 0 || prefixLength > bits.length) return undefined;
	const prefix = bits.slice(0, prefixLength);
	return {
		contains(other) {
			const candidate = addressBits(other);
			return candidate !== undefined && candidate.length === bits.length && candidate.startsWith(prefix);
		},
	};
}

/** True for text that is an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
	return addressBits(text) !== undefined;
}

function addressBits(ip: string): string | undefined {
	return ip.includes(":") ? ipv6Bits(ip) : ipv4Bits(ip);
}

function ipv4Bits(ip: string): string | undefined {
	const parts = ip.split(".");
	if (parts.length !== 4) return undefined;
	let bits = "";
	for (const part of parts) {
		if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
		bits += Number(part).toString(2).padStart(8, "0");
	}
	return bits;
}

function ipv6Bits(ip: string): string | undefined {
	const halves = ip.split("::");
	if (halves.length > 2) return undefined;
	const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
	const given = groups.reduce((sum, part) => sum + part.length, 0);
	if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
	const zeros = Array<string>(8 - given).fill("0");
	const all = [...groups[0]!, ...zeros, ...(groups[1] ?? [])];
	if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
	return all.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}
