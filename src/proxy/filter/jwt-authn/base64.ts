const NOT_BASE64URL = /[^A-Za-z0-9_-]/;

/** Bytes of a base64url text, padded or not; undefined when it is none (RFC 4648 section 5; white space is passed over, as Envoy does). */
export function decodeBase64Url(text: string): Uint8Array | undefined {
	const body = text.replace(/[\t\n\v\f\r ]+/g, "").replace(/={1,2}$/, "");
	if (body.length % 4 === 1 || NOT_BASE64URL.test(body)) return undefined;
	const binary = atob(body.replaceAll("-", "+").replaceAll("_", "/"));
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
	return bytes;
}

/** UTF-8 of a text as base64 with padding. */
export function encodeBase64(text: string): string {
	return btoa(utf8AsLatin1(text));
}

/** The text's UTF-8, one character per byte: what header values are made of here. */
export function utf8AsLatin1(text: string): string {
	let latin1 = "";
	for (const byte of new TextEncoder().encode(text)) latin1 += String.fromCharCode(byte);
	return latin1;
}

/** A base64url text with `=` up to a multiple of four. */
export function padBase64(text: string): string {
	return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}
