import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

/** Decodes base64 that comes in pieces; padding may only end a piece. */
export class Base64Decoder {
	#left = "";

	/** The bytes that are complete so far; undefined when it is no base64. */
	decode(text: string): Uint8Array | undefined {
		const all = this.#left + text;
		const whole = all.length - (all.length % 4);
		this.#left = all.slice(whole);
		const groups = all.slice(0, whole);
		return BASE64.test(groups) ? base64Decode(groups) : undefined;
	}

	/** True when the text ended within a group. */
	get incomplete(): boolean {
		return this.#left !== "";
	}
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** One array of all. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
	if (parts.length === 1) return parts[0]!;
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

/** Bytes as base64 text, as bytes. */
export function encodeBase64(bytes: Uint8Array): Uint8Array {
	return latin1Bytes(base64Encode(bytes));
}

/** Text stands for bytes, one character each. */
export function latin1Bytes(text: string): Uint8Array {
	const bytes = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
	return bytes;
}

export function latin1Text(bytes: Uint8Array): string {
	let text = "";
	for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
	return text;
}
