import type { FieldPath } from "../../../lib/field-path.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type {
	Decompressor_CommonDirectionConfig as Common,
	Decompressor as Config,
} from "../../../xds/generated/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type {
	DataOutcome,
	EndOutcome,
	FilterStream,
	HeadOutcome,
	HttpFilter,
	HttpFilterFactory,
} from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { withEncoding } from "./accept-encoding.ts";
import type { BodyCodecs } from "./body-codec.ts";
import { CodedBody, type Direction } from "./coded-body.ts";
import { type Library, parseDecompressor } from "./library.ts";
import { hasNoTransform } from "./message-rules.ts";

export interface CompressionDeps {
	readonly codecs: BodyCodecs;
	/** A stat of the connection manager: `decompressor.<library>.gzip.request.decompressed` and the like. */
	counter(name: string): Counter;
}

interface Side {
	readonly enabled: boolean;
	readonly ignoresNoTransform: boolean;
	readonly done: Counter;
	readonly notDone: Counter;
	readonly bytesIn: Counter;
	readonly bytesOut: Counter;
}

interface Settings {
	readonly library: Library;
	/** Tells upstreams that compressed responses are welcome. */
	readonly advertises: boolean;
	readonly request: Side;
	readonly response: Side;
}

/** Decompresses requests and responses (Envoy: decompressor filter); what is broken, or blows up, is refused. */
export function decompressorFilter(deps: CompressionDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor",
		parse(config, path, name) {
			const settings = readingConfig(path, (at, problems) => parseSettings(config as Config, deps, at, problems));
			return { name, create: () => new DecompressorStream(settings!, deps.codecs) };
		},
	};
}

function parseSettings(
	{ decompressorLibrary, requestDirectionConfig: request, responseDirectionConfig: response }: Config,
	deps: CompressionDeps,
	at: FieldPath,
	problems: ProblemList,
): Settings | undefined {
	const library = parseDecompressor(decompressorLibrary, at.field("decompressor_library"), problems);
	if (!library) return undefined;
	const prefix = `decompressor.${library.name}.${library.statName}.`;
	return {
		library,
		advertises: request?.advertiseAcceptEncoding ?? true,
		request: parseSide(request?.commonConfig, `${prefix}request.`, deps),
		response: parseSide(response?.commonConfig, `${prefix}response.`, deps),
	};
}

function parseSide(common: Common | undefined, prefix: string, { counter }: CompressionDeps): Side {
	return {
		enabled: common?.enabled?.defaultValue ?? true,
		ignoresNoTransform: common?.ignoreNoTransformHeader ?? false,
		done: counter(`${prefix}decompressed`),
		notDone: counter(`${prefix}not_decompressed`),
		bytesIn: counter(`${prefix}total_compressed_bytes`),
		bytesOut: counter(`${prefix}total_uncompressed_bytes`),
	};
}

class DecompressorStream implements HttpFilter {
	readonly #settings: Settings;
	readonly #codecs: BodyCodecs;
	#request: CodedBody | undefined;
	#response: CodedBody | undefined;

	constructor(settings: Settings, codecs: BodyCodecs) {
		this.#settings = settings;
		this.#codecs = codecs;
	}

	decodeHeaders(stream: FilterStream, endStream: boolean): HeadOutcome {
		const { library, advertises, request, response } = this.#settings;
		const { headers } = stream.request;
		if (response.enabled && advertises)
			headers.set("accept-encoding", withEncoding(headers.getJoined("accept-encoding"), library.encoding));
		if (endStream) return "pass";
		this.#request = this.#begin(stream, headers, request, "request");
		return this.#request ? "continue" : "pass";
	}

	decodeData(_stream: FilterStream, data: Uint8Array): DataOutcome {
		return this.#request?.data(data) ?? "continue";
	}

	decodeEnd(_stream: FilterStream, trailers: HeaderMap | undefined): EndOutcome {
		if (!this.#request) return "continue";
		const body = this.#request;
		return body.end(() => this.#report(body, trailers));
	}

	encodeHeaders(stream: FilterStream, { headers }: ResponseHead, endStream: boolean): HeadOutcome {
		if (endStream) return "pass";
		this.#response = this.#begin(stream, headers, this.#settings.response, "response");
		return this.#response ? "continue" : "pass";
	}

	encodeData(_stream: FilterStream, data: Uint8Array): DataOutcome {
		return this.#response?.data(data) ?? "continue";
	}

	encodeEnd(_stream: FilterStream, trailers: HeaderMap | undefined): EndOutcome {
		if (!this.#response) return "continue";
		const body = this.#response;
		return body.end(() => this.#report(body, trailers));
	}

	onStreamEnd(): void {
		this.#request?.close();
		this.#response?.close();
	}

	#begin(stream: FilterStream, headers: HeaderMap, side: Side, direction: Direction): CodedBody | undefined {
		const { library } = this.#settings;
		const encodings = headers.getJoined("content-encoding") ?? "";
		const [first, ...others] = encodings.split(",");
		const matches = first!.trim().toLowerCase() === library.encoding;
		if (!side.enabled || !matches || (hasNoTransform(headers) && !side.ignoresNoTransform)) {
			side.notDone.inc();
			return undefined;
		}
		side.done.inc();
		headers.remove("content-length");
		if (others.length > 0) headers.set("content-encoding", others.join(",").trim());
		else headers.remove("content-encoding");
		const { settings, maxRatio } = library;
		return new CodedBody(stream, this, { ...side, codecs: this.#codecs, settings, direction, maxRatio });
	}

	/** Trailers that come tell the sizes; those that are not there cannot. */
	#report(body: CodedBody, trailers: HeaderMap | undefined): void {
		const prefix = `x-envoy-decompressor-${this.#settings.library.name}`;
		trailers?.append(`${prefix}-compressed-bytes`, String(body.totalIn));
		trailers?.append(`${prefix}-uncompressed-bytes`, String(body.totalOut));
	}
}
