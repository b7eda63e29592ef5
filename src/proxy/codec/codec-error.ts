/** Why bytes were refused: the answer's status and Envoy's response code details. Data, made by the parser, answered by its user. */
export interface CodecError {
	readonly status: 400 | 426 | 431 | 501 | 505;
	/** `http1.codec_error`-like text for %RESPONSE_CODE_DETAILS%. */
	readonly details: string;
	/** Well-formed HTTP that asks for what may not be: answered without flag and body, as Envoy does. */
	readonly wellFormed?: boolean;
}

const refuse = (status: CodecError["status"], details: string): CodecError => ({ status, details });

/** Everything that the parser refuses; names are Envoy's where it has one (Envoy: source/common/http/http1/codec_impl). */
export const CODEC_ERRORS = {
	startLine: refuse(400, "http1.codec_error{invalid_start_line}"),
	method: refuse(400, "http1.codec_error{invalid_method}"),
	target: refuse(400, "http1.invalid_url"),
	version: refuse(505, "http1.codec_error{unsupported_version}"),
	bareLineFeed: refuse(400, "http1.codec_error{bare_lf}"),
	foldedField: refuse(400, "http1.codec_error{obs_fold}"),
	fieldName: refuse(400, "http1.codec_error{invalid_header_name}"),
	fieldValue: refuse(400, "http1.invalid_characters"),
	headTooLarge: refuse(431, "http1.headers_too_large"),
	tooManyFields: refuse(431, "http1.too_many_headers"),
	noHost: { ...refuse(400, "missing_host_header"), wellFormed: true },
	fragment: { ...refuse(400, "path_normalization_failed"), wellFormed: true },
	severalHosts: refuse(400, "http1.codec_error{several_host_headers}"),
	host: refuse(400, "http1.codec_error{invalid_host}"),
	lengthAndEncoding: refuse(400, "http1.content_length_and_chunked_not_allowed"),
	contentLength: refuse(400, "http1.codec_error{invalid_content_length}"),
	transferEncoding: refuse(501, "http1.invalid_transfer_encoding"),
	encodingInHttp10: refuse(400, "http1.codec_error{transfer_encoding_in_http_1_0}"),
	encodingOnConnect: refuse(400, "http1.transfer_encoding_not_allowed"),
	lengthOnConnect: refuse(400, "http1.content_length_not_allowed"),
	connectionField: refuse(400, "http1.connection_header_rejected"),
	chunkSize: refuse(400, "http1.codec_error{invalid_chunk_size}"),
	chunkExtension: refuse(400, "http1.codec_error{invalid_chunk_extension}"),
	chunkEnd: refuse(400, "http1.codec_error{missing_chunk_end}"),
	trailers: refuse(431, "http1.trailers_too_large"),
	trailerField: refuse(400, "http1.codec_error{forbidden_trailer}"),
	prematureEnd: refuse(400, "http1.codec_error{premature_end}"),
} as const;
