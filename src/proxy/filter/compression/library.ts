import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import {
	type Brotli,
	BrotliSchema,
	Brotli_EncoderMode as Mode,
} from "../../../xds/generated/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts";
import { BrotliSchema as UnbrotliSchema } from "../../../xds/generated/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts";
import {
	type Gzip,
	GzipSchema,
} from "../../../xds/generated/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts";
import { GzipSchema as GunzipSchema } from "../../../xds/generated/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts";
import {
	type Zstd,
	ZstdSchema,
} from "../../../xds/generated/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts";
import { ZstdSchema as UnzstdSchema } from "../../../xds/generated/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { CodecSettings } from "./body-codec.ts";

/** A configured compression library. */
export interface Library {
	/** Part of stat names. */
	readonly name: string;
	/** As in content-encoding. */
	readonly encoding: "gzip" | "br" | "zstd";
	/** Part of stat names: `gzip`, `brotli` or `zstd`. */
	readonly statName: string;
	readonly settings: CodecSettings;
	/** Decompression: more than so many times the bytes that came are an attack. */
	readonly maxRatio: number;
}

/** Envoy's defaults (its gzip, brotli and zstd extensions). */
const CHUNK = 4096;
const MAX_RATIO = 100;

/** Reads `compressor_library`. */
export function parseCompressor(
	extension: TypedExtensionConfig | undefined,
	at: FieldPath,
	problems: ProblemList,
): Library | undefined {
	const here = at.field("typed_config");
	const gzip = unpackAs(extension?.typedConfig, GzipSchema);
	if (gzip) return library(extension, "gzip", gzipSettings(gzip, here, problems));
	const brotli = unpackAs(extension?.typedConfig, BrotliSchema);
	if (brotli) return library(extension, "br", brotliSettings(brotli, here, problems));
	const zstd = unpackAs(extension?.typedConfig, ZstdSchema);
	if (zstd) return library(extension, "zstd", zstdSettings(zstd, here, problems));
	problems.notImplemented(here, `the compression library ${extension?.typedConfig?.typeUrl || "without a type"}`);
	return undefined;
}

/** Reads `decompressor_library`. */
export function parseDecompressor(
	extension: TypedExtensionConfig | undefined,
	at: FieldPath,
	problems: ProblemList,
): Library | undefined {
	const here = at.field("typed_config");
	const gunzip = unpackAs(extension?.typedConfig, GunzipSchema);
	if (gunzip) {
		const windowBits = inRange(gunzip.windowBits ?? 15, [9, 15], here.field("window_bits"), problems);
		const settings = { kind: "gunzip", windowBits, chunkBytes: gunzip.chunkSize ?? CHUNK } as const;
		return { ...library(extension, "gzip", settings), maxRatio: gunzip.maxInflateRatio ?? MAX_RATIO };
	}
	const unbrotli = unpackAs(extension?.typedConfig, UnbrotliSchema);
	if (unbrotli) {
		const settings = { kind: "unbrotli", largeWindow: false, chunkBytes: unbrotli.chunkSize ?? CHUNK } as const;
		return { ...library(extension, "br", settings), maxRatio: MAX_RATIO };
	}
	const unzstd = unpackAs(extension?.typedConfig, UnzstdSchema);
	if (unzstd) {
		const chunkBytes = chunkSize(unzstd.chunkSize, here, problems);
		return { ...library(extension, "zstd", { kind: "unzstd", chunkBytes }), maxRatio: MAX_RATIO };
	}
	problems.notImplemented(here, `the compression library ${extension?.typedConfig?.typeUrl || "without a type"}`);
	return undefined;
}

function library(
	extension: TypedExtensionConfig | undefined,
	encoding: Library["encoding"],
	settings: CodecSettings,
): Library {
	const statName = encoding === "br" ? "brotli" : encoding;
	return { name: extension?.name ?? "", encoding, statName, settings, maxRatio: 0 };
}

/** Level 0 of the message is zlib's own default (-1); its strategies are zlib's. */
function gzipSettings(gzip: Gzip, at: FieldPath, problems: ProblemList): CodecSettings {
	const { compressionLevel, compressionStrategy } = gzip;
	return {
		kind: "gzip",
		level: compressionLevel === 0 ? -1 : compressionLevel,
		strategy: compressionStrategy,
		memoryLevel: inRange(gzip.memoryLevel ?? 5, [1, 9], at.field("memory_level"), problems),
		windowBits: inRange(gzip.windowBits ?? 12, [9, 15], at.field("window_bits"), problems),
		chunkBytes: chunkSize(gzip.chunkSize, at, problems),
	};
}

function brotliSettings(brotli: Brotli, at: FieldPath, problems: ProblemList): CodecSettings {
	return {
		kind: "brotli",
		quality: inRange(brotli.quality ?? 3, [0, 11], at.field("quality"), problems),
		mode: brotli.encoderMode === Mode.TEXT ? "text" : brotli.encoderMode === Mode.FONT ? "font" : "generic",
		windowBits: inRange(brotli.windowBits ?? 18, [10, 24], at.field("window_bits"), problems),
		blockBits: inRange(brotli.inputBlockBits ?? 24, [16, 24], at.field("input_block_bits"), problems),
		literalModeling: !brotli.disableLiteralContextModeling,
		chunkBytes: chunkSize(brotli.chunkSize, at, problems),
	};
}

/** zstd takes levels above its highest for the highest; 0 is its default. */
function zstdSettings(zstd: Zstd, at: FieldPath, problems: ProblemList): CodecSettings {
	return {
		kind: "zstd",
		level: Math.min(zstd.compressionLevel ?? 3, 22),
		strategy: zstd.strategy,
		checksum: zstd.enableChecksum,
		chunkBytes: chunkSize(zstd.chunkSize, at, problems),
	};
}

function chunkSize(bytes: number | undefined, at: FieldPath, problems: ProblemList): number {
	return inRange(bytes ?? CHUNK, [4096, 65_536], at.field("chunk_size"), problems);
}

function inRange(
	value: number,
	[least, most]: readonly [number, number],
	at: FieldPath,
	problems: ProblemList,
): number {
	if (value < least || value > most) problems.add("invalid", at, `${value} is not between ${least} and ${most}`);
	return value;
}
