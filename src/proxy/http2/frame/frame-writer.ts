import { FLAG, FRAME } from "./frame.ts";

/** The nine bytes before each frame's payload, as text of bytes. */
export function frameHeader(length: number, type: number, flags: number, streamId: number): string {
	return String.fromCharCode(
		length >>> 16,
		(length >>> 8) & 0xff,
		length & 0xff,
		type,
		flags,
		streamId >>> 24,
		(streamId >>> 16) & 0xff,
		(streamId >>> 8) & 0xff,
		streamId & 0xff,
	);
}

/** Four bytes, big-endian. */
export function uint32(value: number): string {
	return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** A field block as HEADERS and as many CONTINUATIONs as it needs. */
export function headersFrames(streamId: number, block: string, endStream: boolean, maxFrameBytes: number): string {
	const last = endStream ? FLAG.endStream : 0;
	if (block.length <= maxFrameBytes)
		return frameHeader(block.length, FRAME.headers, last | FLAG.endHeaders, streamId) + block;
	let frames = frameHeader(maxFrameBytes, FRAME.headers, last, streamId) + block.slice(0, maxFrameBytes);
	for (let at = maxFrameBytes; at < block.length; at += maxFrameBytes) {
		const piece = block.slice(at, at + maxFrameBytes);
		const flags = at + maxFrameBytes >= block.length ? FLAG.endHeaders : 0;
		frames += frameHeader(piece.length, FRAME.continuation, flags, streamId) + piece;
	}
	return frames;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): string {
	let payload = "";
	for (const [id, value] of settings) payload += String.fromCharCode(id >>> 8, id & 0xff) + uint32(value);
	return frameHeader(payload.length, FRAME.settings, 0, 0) + payload;
}

export const SETTINGS_ACK: string = frameHeader(0, FRAME.settings, FLAG.ack, 0);

/** `payload`: eight bytes. */
export function pingFrame(payload: string, ack: boolean): string {
	return frameHeader(8, FRAME.ping, ack ? FLAG.ack : 0, 0) + payload;
}

export function rstStreamFrame(streamId: number, code: number): string {
	return frameHeader(4, FRAME.rstStream, 0, streamId) + uint32(code);
}

export function windowUpdateFrame(streamId: number, bytes: number): string {
	return frameHeader(4, FRAME.windowUpdate, 0, streamId) + uint32(bytes);
}

export function goAwayFrame(lastStreamId: number, code: number, debug: string): string {
	return frameHeader(8 + debug.length, FRAME.goAway, 0, 0) + uint32(lastStreamId) + uint32(code) + debug;
}
