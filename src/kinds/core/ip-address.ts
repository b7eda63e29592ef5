/** An IPv4 or IPv6 address in text form. */
export function isIpAddress(text: string): boolean {
	if (/^(\d{1,3}\.){3}\d{1,3}$/.test(text)) return text.split(".").every((part) => Number(part) <= 255);
	return text.includes(":") && URL.canParse(`http://[${text}]/`);
}

/** An address block: `10.9.8.0/24`. */
export function isAddressBlock(text: string): boolean {
	const [address = "", bits = "", rest] = text.split("/");
	const max = address.includes(":") ? 128 : 32;
	return rest === undefined && isIpAddress(address) && /^\d{1,3}$/.test(bits) && Number(bits) <= max;
}

/** What Kubernetes says of a text that is no address. */
export const NOT_AN_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
