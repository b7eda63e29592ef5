import type { SupportedFields } from "../../../xds/supported.ts";

const COMPRESSOR = "envoy.extensions.filters.http.compressor.v3";
const DECOMPRESSOR = "envoy.extensions.filters.http.decompressor.v3.Decompressor";
const LIBRARIES = "envoy.extensions.compression";

/** Fields of compressor and decompressor that are obeyed. */
export const COMPRESSION_SUPPORTED: SupportedFields = {
	[`${COMPRESSOR}.Compressor`]: [
		"content_length",
		"content_type",
		"disable_on_etag_header",
		"remove_accept_encoding_header",
		"runtime_enabled",
		"compressor_library",
		"request_direction_config",
		"response_direction_config",
		"choose_first",
	],
	[`${COMPRESSOR}.Compressor.CommonDirectionConfig`]: [
		"enabled",
		"min_content_length",
		"content_type",
		"content_type_matcher",
	],
	[`${COMPRESSOR}.Compressor.RequestDirectionConfig`]: ["common_config"],
	[`${COMPRESSOR}.Compressor.ResponseDirectionConfig`]: [
		"common_config",
		"disable_on_etag_header",
		"weaken_etag_on_compress",
		"remove_accept_encoding_header",
		"uncompressible_response_codes",
	],
	[`${COMPRESSOR}.CompressorPerRoute`]: ["disabled", "overrides"],
	[`${COMPRESSOR}.CompressorOverrides`]: ["response_direction_config"],
	[`${COMPRESSOR}.ResponseDirectionOverrides`]: ["remove_accept_encoding_header"],
	[DECOMPRESSOR]: ["decompressor_library", "request_direction_config", "response_direction_config"],
	[`${DECOMPRESSOR}.CommonDirectionConfig`]: ["enabled", "ignore_no_transform_header"],
	[`${DECOMPRESSOR}.RequestDirectionConfig`]: ["common_config", "advertise_accept_encoding"],
	[`${DECOMPRESSOR}.ResponseDirectionConfig`]: ["common_config"],
	[`${LIBRARIES}.gzip.compressor.v3.Gzip`]: [
		"memory_level",
		"compression_level",
		"compression_strategy",
		"window_bits",
		"chunk_size",
	],
	[`${LIBRARIES}.gzip.decompressor.v3.Gzip`]: ["window_bits", "chunk_size", "max_inflate_ratio"],
	[`${LIBRARIES}.brotli.compressor.v3.Brotli`]: [
		"quality",
		"encoder_mode",
		"window_bits",
		"input_block_bits",
		"chunk_size",
		"disable_literal_context_modeling",
	],
	[`${LIBRARIES}.brotli.decompressor.v3.Brotli`]: ["chunk_size"],
	[`${LIBRARIES}.zstd.compressor.v3.Zstd`]: ["compression_level", "enable_checksum", "strategy", "chunk_size"],
	[`${LIBRARIES}.zstd.decompressor.v3.Zstd`]: ["chunk_size"],
	"envoy.config.core.v3.RuntimeFeatureFlag": ["default_value", "runtime_key"],
};
