/** Whether the segments occur one after the other, with anything between them. */
export function holdsInOrder(bytes: Buffer, segments: readonly Uint8Array[]): boolean {
	let from = 0;
	for (const segment of segments) {
		const at = bytes.indexOf(segment, from);
		if (at < 0) return false;
		from = at + segment.length;
	}
	return true;
}
