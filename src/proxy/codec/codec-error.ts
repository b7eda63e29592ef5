/** Why bytes were refused: the answer's status and Envoy's response code details. Data, made by the parser, answered by its user. */
export interface CodecError {
	readonly status: 400 | 426 | 431 | 501;
	/** Envoy's text for %RESPONSE_CODE_DETAILS%. */
	readonly details: string;
	/** What exactly was wrong, where Envoy has one text for many faults. */
	readonly reason?: string;
	/** Well-formed HTTP that asks for what may not be: answered without flag and body, as Envoy does. */
	readonly wellFormed?: boolean;
}

const codecError = (status: CodecError["status"], reason: string): CodecError => ({
	status,
	details: "http1.codec_error",
	reason,
});
const refuse = (status: CodecError["status"], details: string): CodecError => ({ status, details });

/** Everything that the parser refuses; names are Envoy's where it has one (Envoy: source/common/http/http1/codec_impl). */
export const CODEC_ERRORS = {
	startLine: codecError(400, "invalid_start_line"),
	method: codecError(400, "invalid_method"),
	target: refuse(400, "http1.invalid_url"),
	targetForm: codecError(400, "invalid_target"),
	scheme: refuse(400, "http1.invalid_scheme"),
	version: { status: 426, details: "low_version" },
	bareLineFeed: codecError(400, "bare_lf"),
	foldedField: codecError(400, "obs_fold"),
	fieldName: codecError(400, "invalid_header_name"),
	fieldValue: refuse(400, "http1.invalid_characters"),
	headTooLarge: refuse(431, "http1.headers_too_large"),
	tooManyFields: refuse(431, "http1.too_many_headers"),
	noHost: { ...refuse(400, "missing_host_header"), wellFormed: true },
	fragment: { ...refuse(400, "path_normalization_failed"), wellFormed: true },
	severalHosts: codecError(400, "several_host_headers"),
	host: refuse(400, "http.invalid_authority"),
	lengthAndEncoding: refuse(400, "http1.content_length_and_chunked_not_allowed"),
	contentLength: codecError(400, "invalid_content_length"),
	transferEncoding: refuse(501, "http1.invalid_transfer_encoding"),
	encodingInHttp10: codecError(400, "transfer_encoding_in_http_1_0"),
	encodingOnConnect: refuse(400, "http1.transfer_encoding_not_allowed"),
	lengthOnConnect: refuse(400, "http1.body_disallowed"),
	connectionField: refuse(400, "http1.connection_header_rejected"),
	chunkSize: codecError(400, "invalid_chunk_size"),
	chunkExtension: codecError(400, "invalid_chunk_extension"),
	chunkEnd: codecError(400, "missing_chunk_end"),
	trailers: refuse(431, "http1.trailers_too_large"),
	trailerField: codecError(400, "forbidden_trailer"),
	prematureEnd: codecError(400, "premature_end"),
} as const;
