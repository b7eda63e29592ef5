const V4_PART = /^(?:0|[1-9]\d{0,2})$/;
const V6_PART = /^[0-9a-f]{1,4}$/i;

/** Whether the text is an IPv4 or IPv6 address (no zone, no brackets). */
export function isIpAddress(text: string): boolean {
	return text.includes(":") ? isV6(text) : isV4(text);
}

/** `ip:port`, IPv6 in brackets: the key of a host. */
export function hostAddress(ip: string, port: number): string {
	return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function isV4(text: string): boolean {
	const parts = text.split(".");
	return parts.length === 4 && parts.every((part) => V4_PART.test(part) && Number(part) < 256);
}

function isV6(text: string): boolean {
	const halves = text.split("::");
	if (halves.length > 2) return false;
	const parts = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
	const last = parts.at(-1);
	const mapped = last?.includes(".") === true;
	if (mapped && !isV4(last)) return false;
	const groups = parts.length + (mapped ? 1 : 0);
	const hex = mapped ? parts.slice(0, -1) : parts;
	return hex.every((part) => V6_PART.test(part)) && (halves.length === 2 ? groups < 8 : groups === 8);
}
