/** Host names as Istio's API writes them: FQDNs, short names and names with a leading wildcard. */

const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const WILDCARD_LABEL = /^(?:\*|\*?-?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const MAX_LABEL = 63;
const MAX_NAME = 255;

/** One DNS label, in either case. */
export function isDnsLabel(text: string): boolean {
	return text.length <= MAX_LABEL && LABEL.test(text);
}

/** A full or short name; a trailing dot is allowed, the last label may not be a number. */
export function isFqdn(text: string): boolean {
	if (text === "" || text.length > MAX_NAME) return false;
	const labels = text.replace(/\.$/, "").split(".");
	return labels.every(isDnsLabel) && !/^\d+$/.test(labels.at(-1)!);
}

/** An FQDN whose first label may be or begin with `*`. */
export function isWildcardDomain(text: string): boolean {
	if (text === "" || text.length > MAX_NAME) return false;
	const [first = "", ...rest] = text.replace(/\.$/, "").split(".");
	if (first.length > MAX_LABEL || !WILDCARD_LABEL.test(first)) return false;
	if (rest.length === 0) return first === "*" || (isWildcard(first) ? true : isFqdn(first));
	return rest.every(isDnsLabel) && !/^\d+$/.test(rest.at(-1)!);
}

export function isWildcard(host: string): boolean {
	return host.startsWith("*");
}

/** `*foo.com`: a wildcard that covers only part of a label. */
export function isPartialWildcard(host: string): boolean {
	return isWildcard(host) && host !== "*" && !host.startsWith("*.");
}

/** True when some name matches both (wildcards stand for any text before the rest). */
export function hostsOverlap(a: string, b: string): boolean {
	const [x, y] = [a.toLowerCase(), b.toLowerCase()];
	if (!isWildcard(x)) return isWildcard(y) ? x.endsWith(y.slice(1)) : x === y;
	if (!isWildcard(y)) return y.endsWith(x.slice(1));
	return x.length >= y.length ? x.endsWith(y.slice(1)) : y.endsWith(x.slice(1));
}

/** True when every name that `inner` matches is matched by `outer`. */
export function hostIsWithin(inner: string, outer: string): boolean {
	const [x, y] = [inner.toLowerCase(), outer.toLowerCase()];
	if (!isWildcard(y)) return x === y;
	return (isWildcard(x) ? x.slice(1) : x).endsWith(y.slice(1));
}

/** IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
	if (/^(?:\d{1,3}\.){3}\d{1,3}$/.test(text)) return text.split(".").every((part) => Number(part) <= 255);
	return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`);
}

/** Address block `10.0.0.0/8`, or a single address. */
export function isCidrOrIp(text: string): boolean {
	const [address = "", bits, ...rest] = text.split("/");
	if (rest.length > 0 || !isIpAddress(address)) return false;
	if (bits === undefined) return true;
	return /^\d{1,3}$/.test(bits) && Number(bits) <= (address.includes(":") ? 128 : 32);
}
