/** The text of 4 bytes. */
export function formatIpv4(bytes: Buffer): string {
	return bytes.join(".");
}

/** The text of 16 bytes as RFC 5952 writes it: lower case, the longest run of zero groups as `::`. */
export function formatIpv6(bytes: Buffer): string {
	const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
	let [start, length] = [0, 1];
	for (let from = 0; from < groups.length; from++) {
		let end = from;
		while (groups[end] === "0") end++;
		if (end - from > length) [start, length] = [from, end - from];
	}
	if (length < 2) return groups.join(":");
	return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}
