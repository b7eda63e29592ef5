import {
	type BrotliCompress,
	constants,
	createBrotliCompress,
	createBrotliDecompress,
	createGunzip,
	createGzip,
	createZstdCompress,
	createZstdDecompress,
	type Gunzip,
	type Gzip,
	type ZstdCompress,
	type ZstdDecompress,
} from "node:zlib";
import type { BodyCodec, BodyCodecs, CodecEvents, CodecSettings } from "../../filter/compression/body-codec.ts";

type ZlibStream = Gzip | Gunzip | BrotliCompress | ZstdCompress | ZstdDecompress;

/** Compression of bodies by node:zlib, off the event loop's thread. What is written goes on at once: each piece is flushed, as Envoy does. */
export const bodyCodecs: BodyCodecs = {
	open: (settings, events) => new ZlibCodec(openStream(settings), events),
};

class ZlibCodec implements BodyCodec {
	readonly #stream: ZlibStream;
	readonly #events: CodecEvents;
	#pending = 0;
	#closed = false;

	constructor(stream: ZlibStream, events: CodecEvents) {
		this.#stream = stream;
		this.#events = events;
		stream.on("data", (bytes: Buffer) => this.#closed || events.onBytes(bytes));
		stream.on("end", () => this.#closed || events.onEnd());
		stream.on("error", () => this.#closed || events.onError());
	}

	write(bytes: Uint8Array): void {
		this.#pending++;
		this.#stream.write(bytes, () => {
			this.#pending--;
			if (this.#pending === 0 && !this.#closed) this.#events.onDrained();
		});
	}

	end(): void {
		this.#stream.end();
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#stream.close();
	}
}

function openStream(settings: CodecSettings): ZlibStream {
	const chunkSize = settings.chunkBytes;
	switch (settings.kind) {
		case "gzip": {
			const { level, strategy, memoryLevel: memLevel, windowBits } = settings;
			return createGzip({ level, strategy, memLevel, windowBits, chunkSize, flush: constants.Z_SYNC_FLUSH });
		}
		case "gunzip":
			return createGunzip({ chunkSize, flush: constants.Z_SYNC_FLUSH });
		case "unbrotli":
			return createBrotliDecompress({ chunkSize, flush: constants.BROTLI_OPERATION_FLUSH });
		case "unzstd":
			return createZstdDecompress({ chunkSize, flush: constants.ZSTD_e_flush });
		case "zstd":
			return createZstdCompress({ chunkSize, flush: constants.ZSTD_e_flush, params: zstdParameters(settings) });
		case "brotli":
			return createBrotliCompress({
				chunkSize,
				flush: constants.BROTLI_OPERATION_FLUSH,
				params: {
					[constants.BROTLI_PARAM_QUALITY]: settings.quality,
					[constants.BROTLI_PARAM_LGWIN]: settings.windowBits,
					[constants.BROTLI_PARAM_LGBLOCK]: settings.blockBits,
					[constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: !settings.literalModeling,
					[constants.BROTLI_PARAM_MODE]: BROTLI_MODES[settings.mode],
				},
			});
	}
}

const BROTLI_MODES = {
	generic: constants.BROTLI_MODE_GENERIC,
	text: constants.BROTLI_MODE_TEXT,
	font: constants.BROTLI_MODE_FONT,
} as const;

function zstdParameters({
	level,
	strategy,
	checksum,
}: Extract<CodecSettings, { kind: "zstd" }>): Record<number, number> {
	const parameters: Record<number, number> = {
		[constants.ZSTD_c_compressionLevel]: level,
		[constants.ZSTD_c_checksumFlag]: Number(checksum),
	};
	if (strategy !== 0) parameters[constants.ZSTD_c_strategy] = strategy;
	return parameters;
}
