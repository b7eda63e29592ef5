/** A compression or decompression at work on one body. */
export interface BodyCodec {
	/** `bytes` stay as they are until `onDrained`. */
	write(bytes: Uint8Array): void;
	/** The body is complete; `onEnd` follows. */
	end(): void;
	/** No further events; frees what it holds. */
	close(): void;
}

export interface CodecEvents {
	onBytes(bytes: Uint8Array): void;
	/** All that was written has been worked off. */
	onDrained(): void;
	onEnd(): void;
	/** The bytes are not what they say they are. */
	onError(): void;
}

/** How bodies are coded; levels and windows as in zlib, brotli and zstd. */
export type CodecSettings =
	| {
			readonly kind: "gzip";
			readonly level: number;
			readonly strategy: number;
			readonly memoryLevel: number;
			readonly windowBits: number;
			readonly chunkBytes: number;
	  }
	| {
			readonly kind: "brotli";
			readonly quality: number;
			readonly mode: "generic" | "text" | "font";
			readonly windowBits: number;
			readonly blockBits: number;
			readonly literalModeling: boolean;
			readonly chunkBytes: number;
	  }
	| {
			readonly kind: "zstd";
			readonly level: number;
			/** Number of zstd's strategy; 0: the one that goes with the level. */
			readonly strategy: number;
			readonly checksum: boolean;
			readonly chunkBytes: number;
	  }
	| { readonly kind: "unzstd"; readonly chunkBytes: number }
	| { readonly kind: "gunzip"; readonly windowBits: number; readonly chunkBytes: number }
	| { readonly kind: "unbrotli"; readonly largeWindow: boolean; readonly chunkBytes: number };

/** Opens codecs; the runtime has the real ones, this room only drives them. */
export interface BodyCodecs {
	open(settings: CodecSettings, events: CodecEvents): BodyCodec;
}
