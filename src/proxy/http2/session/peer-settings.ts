import {
	DEFAULT_MAX_FRAME_BYTES,
	DEFAULT_WINDOW_BYTES,
	ERROR_CODE,
	type Http2Error,
	MAX_WINDOW_BYTES,
	SETTING,
} from "../frame/frame.ts";
import type { FramePayload } from "../frame/frame-reader.ts";

const SETTING_BYTES = 6;
const HIGHEST_MAX_FRAME_BYTES = 2 ** 24 - 1;

/** The other side's settings, with the values that count until it sends its own (RFC 9113 6.5.2). */
export class PeerSettings {
	headerTableBytes = 4096;
	maxConcurrentStreams: number = Number.POSITIVE_INFINITY;
	initialWindowBytes: number = DEFAULT_WINDOW_BYTES;
	maxFrameBytes: number = DEFAULT_MAX_FRAME_BYTES;
	allowConnect = false;
	/** The first SETTINGS frame has come. */
	known = false;

	/** Takes over a SETTINGS frame's payload; what is wrong with it, if something is. */
	apply({ buf, start, end }: FramePayload): Http2Error | undefined {
		if ((end - start) % SETTING_BYTES !== 0) return { code: ERROR_CODE.frameSizeError, reason: "SETTINGS frame size" };
		for (let at = start; at < end; at += SETTING_BYTES) {
			const refused = this.#set(buf.readUInt16BE(at), buf.readUInt32BE(at + 2));
			if (refused !== undefined) return refused;
		}
		this.known = true;
		return undefined;
	}

	#set(id: number, value: number): Http2Error | undefined {
		switch (id) {
			case SETTING.headerTableSize:
				this.headerTableBytes = value;
				return undefined;
			case SETTING.enablePush:
				return value > 1 ? refuse("ENABLE_PUSH") : undefined;
			case SETTING.maxConcurrentStreams:
				this.maxConcurrentStreams = value;
				return undefined;
			case SETTING.initialWindowSize:
				if (value > MAX_WINDOW_BYTES) return { code: ERROR_CODE.flowControlError, reason: "INITIAL_WINDOW_SIZE" };
				this.initialWindowBytes = value;
				return undefined;
			case SETTING.maxFrameSize:
				if (value < DEFAULT_MAX_FRAME_BYTES || value > HIGHEST_MAX_FRAME_BYTES) return refuse("MAX_FRAME_SIZE");
				this.maxFrameBytes = value;
				return undefined;
			case SETTING.enableConnectProtocol:
				if (value > 1 || (value === 0 && this.allowConnect)) return refuse("ENABLE_CONNECT_PROTOCOL");
				this.allowConnect = value === 1;
				return undefined;
			default:
				return undefined;
		}
	}
}

function refuse(name: string): Http2Error {
	return { code: ERROR_CODE.protocolError, reason: `invalid ${name}` };
}
