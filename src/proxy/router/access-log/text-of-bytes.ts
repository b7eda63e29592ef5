const BEYOND_ASCII = /[\x80-\xff]/;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Header values come as one character per byte; a line that is UTF-8 when read so is written as the text that it is. */
export function textOfBytes(line: string): string {
	if (!BEYOND_ASCII.test(line)) return line;
	try {
		return UTF8.decode(Uint8Array.from(line, (char) => char.charCodeAt(0)));
	} catch (error) {
		// What it holds is no UTF-8, or characters already.
		if (error instanceof TypeError) return line;
		throw error;
	}
}
