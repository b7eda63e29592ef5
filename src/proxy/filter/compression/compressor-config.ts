import type { FieldPath } from "../../../lib/field-path.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type {
	Compressor_CommonDirectionConfig as Common,
	Compressor,
	CompressorPerRoute,
} from "../../../xds/generated/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { compileStringMatcher, type ValueTest } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { CompressionDeps } from "./decompressor.ts";
import { type Library, parseCompressor } from "./library.ts";
import { mediaType } from "./message-rules.ts";

/** What is compressed in one direction, and its books. */
export interface Side {
	readonly enabled: boolean;
	readonly minBytes: number;
	isTypeAllowed(type: string | undefined): boolean;
	readonly done: Counter;
	readonly notDone: Counter;
	readonly bytesIn: Counter;
	readonly bytesOut: Counter;
	readonly tooSmall: Counter;
}

/** Why responses were or were not compressed, by their Accept-Encoding and ETag. */
export interface ChoiceStats {
	readonly noHeader: Counter;
	readonly identity: Counter;
	readonly used: Counter;
	readonly overshadowed: Counter;
	readonly wildcard: Counter;
	readonly notValid: Counter;
	readonly etag: Counter;
}

export interface CompressorSettings {
	readonly library: Library;
	readonly chooseFirst: boolean;
	readonly request: Side;
	readonly response: Side;
	readonly stats: ChoiceStats;
	readonly keepsEtagged: boolean;
	readonly weakensEtag: boolean;
	/** Upstreams do not see Accept-Encoding. */
	readonly removesAcceptEncoding: boolean;
	readonly excludedCodes: ReadonlySet<number>;
}

/** A route's word; undefined members: the listener's. */
export interface RouteOverride {
	readonly enabled: boolean | undefined;
	readonly removesAcceptEncoding: boolean | undefined;
}

const MIN_BYTES = 30;

/** Media types that are compressed when the configuration names none (Envoy: compressor filter). */
const DEFAULT_TYPES = [
	"text/html",
	"text/plain",
	"text/css",
	"application/javascript",
	"application/x-javascript",
	"text/javascript",
	"text/x-javascript",
	"text/ecmascript",
	"text/js",
	"text/jscript",
	"text/x-js",
	"application/ecmascript",
	"application/x-json",
	"application/xml",
	"application/json",
	"image/svg+xml",
	"text/xml",
	"application/xhtml+xml",
	"application/grpc-web",
	"application/grpc-web+proto",
];

/** Reads a compressor; undefined (with a problem) without a library that this proxy has. */
export function parseCompressorConfig(
	config: Compressor,
	deps: CompressionDeps,
	at: FieldPath,
	problems: ProblemList,
): CompressorSettings | undefined {
	const library = parseCompressor(config.compressorLibrary, at.field("compressor_library"), problems);
	if (!library) return undefined;
	const prefix = `compressor.${library.name}.${library.statName}.`;
	const { requestDirectionConfig: request, responseDirectionConfig: response } = config;
	const scope = { counter: deps.counter, at, problems };
	const responseCommon = response ? response.commonConfig : formerCommon(config);
	// Where there is one place for it, the older fields of the message are not looked at.
	const { disableOnEtagHeader, removeAcceptEncodingHeader } = response ?? config;
	return {
		library,
		chooseFirst: config.chooseFirst,
		request: parseSide(request?.commonConfig, request !== undefined, `${prefix}request.`, scope),
		response: parseSide(responseCommon, true, response ? `${prefix}response.` : prefix, scope),
		stats: choiceStats(prefix, deps),
		keepsEtagged: disableOnEtagHeader,
		weakensEtag: response?.weakenEtagOnCompress ?? false,
		removesAcceptEncoding: removeAcceptEncodingHeader,
		excludedCodes: new Set(response?.uncompressibleResponseCodes),
	};
}

/** The deprecated fields that `response_direction_config` took the place of. */
function formerCommon({ contentLength, contentType, runtimeEnabled }: Compressor): Partial<Common> {
	return { minContentLength: contentLength, contentType, enabled: runtimeEnabled, contentTypeMatcher: [] };
}

function parseSide(
	common: Partial<Common> | undefined,
	isSet: boolean,
	prefix: string,
	{ counter, at, problems }: { counter: CompressionDeps["counter"]; at: FieldPath; problems: ProblemList },
): Side {
	const tests = (common?.contentTypeMatcher ?? []).map(
		(matcher, i): ValueTest =>
			compileStringMatcher(matcher, at.field("common_config").field("content_type_matcher").index(i), problems),
	);
	const named = common?.contentType ?? [];
	const types = new Set((named.length > 0 ? named : DEFAULT_TYPES).map((type) => type.toLowerCase()));
	const listed = named.length > 0 || tests.length === 0;
	return {
		enabled: isSet && (common?.enabled?.defaultValue ?? true),
		minBytes: common?.minContentLength || MIN_BYTES,
		isTypeAllowed: (type) => type === undefined || (listed && types.has(type)) || tests.some((test) => test(type)),
		done: counter(`${prefix}compressed`),
		notDone: counter(`${prefix}not_compressed`),
		bytesIn: counter(`${prefix}total_uncompressed_bytes`),
		bytesOut: counter(`${prefix}total_compressed_bytes`),
		tooSmall: counter(`${prefix}content_length_too_small`),
	};
}

function choiceStats(prefix: string, { counter }: CompressionDeps): ChoiceStats {
	return {
		noHeader: counter(`${prefix}no_accept_header`),
		identity: counter(`${prefix}header_identity`),
		used: counter(`${prefix}header_compressor_used`),
		overshadowed: counter(`${prefix}header_compressor_overshadowed`),
		wildcard: counter(`${prefix}header_wildcard`),
		notValid: counter(`${prefix}header_not_valid`),
		etag: counter(`${prefix}not_compressed_etag`),
	};
}

/** Reads `CompressorPerRoute`. */
export function parseRouteOverride(
	{ override }: CompressorPerRoute,
	at: FieldPath,
	problems: ProblemList,
): RouteOverride {
	if (override.case === "overrides") {
		const response = override.value.responseDirectionConfig;
		return { enabled: response ? true : undefined, removesAcceptEncoding: response?.removeAcceptEncodingHeader };
	}
	if (override.case === undefined)
		problems.add("missing", at, "the override says nothing", "set disabled or overrides");
	else if (!override.value) problems.add("invalid", at.field("disabled"), "disabled can only be true");
	return { enabled: false, removesAcceptEncoding: undefined };
}

/** True when the body is long enough, as far as its head tells. */
export function isLongEnough(headers: HeaderMap, side: Side): boolean {
	const length = headers.get("content-length");
	if (length === undefined || Number(length) >= side.minBytes) return true;
	side.tooSmall.inc();
	return false;
}

/** True for media types that are to be compressed. */
export function isTypeAllowed(headers: HeaderMap, side: Side): boolean {
	return side.isTypeAllowed(mediaType(headers));
}
