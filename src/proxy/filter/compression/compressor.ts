import type {
	Compressor,
	CompressorPerRoute,
} from "../../../xds/generated/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts";
import type { ResponseHead } from "../../http/message.ts";
import type {
	DataOutcome,
	EndOutcome,
	FilterStream,
	HeadOutcome,
	HttpFilter,
	HttpFilterFactory,
} from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { chooseEncoding, type EncodingChoice } from "./accept-encoding.ts";
import { CodedBody } from "./coded-body.ts";
import {
	type CompressorSettings,
	isLongEnough,
	isTypeAllowed,
	parseCompressorConfig,
	parseRouteOverride,
	type RouteOverride,
} from "./compressor-config.ts";
import type { CompressionDeps } from "./decompressor.ts";
import { hasNoTransform, loosenEtag, mediaType, transferAllows, varyByEncoding } from "./message-rules.ts";

/** Filter state by which the compressors of a chain know of each other: the first to decide decides for all. */
const STATE = "lateen.compressors";

interface ChainState {
	readonly compressors: CompressorSettings[];
	choice: EncodingChoice | undefined;
}

/** Compresses responses by what clients accept, and requests (Envoy: compressor filter). */
export function compressorFilter(deps: CompressionDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.CompressorPerRoute",
		parse(config, path, name) {
			const settings = readingConfig(path, (at, problems) =>
				parseCompressorConfig(config as Compressor, deps, at, problems),
			);
			return { name, create: () => new CompressorStream(name, settings!, deps) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseRouteOverride(config as CompressorPerRoute, at, problems)),
	};
}

class CompressorStream implements HttpFilter {
	readonly #name: string;
	readonly #settings: CompressorSettings;
	readonly #deps: CompressionDeps;
	#acceptEncoding: string | undefined;
	#upgrade = false;
	#request: CodedBody | undefined;
	#response: CodedBody | undefined;

	constructor(name: string, settings: CompressorSettings, deps: CompressionDeps) {
		this.#name = name;
		this.#settings = settings;
		this.#deps = deps;
	}

	decodeHeaders(stream: FilterStream, endStream: boolean): HeadOutcome {
		const { headers } = stream.request;
		const { request: side, library, removesAcceptEncoding } = this.#settings;
		this.#join(stream);
		this.#acceptEncoding = headers.getJoined("accept-encoding");
		this.#upgrade = headers.has("upgrade");
		const override = this.#override(stream);
		if (this.#isOn(override) && (override?.removesAcceptEncoding ?? removesAcceptEncoding))
			headers.remove("accept-encoding");
		const compresses =
			!endStream &&
			side.enabled &&
			!this.#upgrade &&
			isLongEnough(headers, side) &&
			isTypeAllowed(headers, side) &&
			!headers.has("content-encoding") &&
			transferAllows(headers);
		(compresses ? side.done : side.notDone).inc();
		if (!compresses) return "pass";
		headers.remove("content-length");
		headers.set("content-encoding", library.encoding);
		this.#request = this.#open(stream, "request");
		return "continue";
	}

	decodeData(_stream: FilterStream, data: Uint8Array): DataOutcome {
		return this.#request?.data(data) ?? "continue";
	}

	decodeEnd(): EndOutcome {
		return this.#request?.end() ?? "continue";
	}

	encodeHeaders(stream: FilterStream, response: ResponseHead, endStream: boolean): HeadOutcome {
		const { headers } = response;
		const { response: side, library, weakensEtag } = this.#settings;
		const enough = this.#isOn(this.#override(stream)) && isLongEnough(headers, side);
		const compressible = enough && this.#isCompressible(response);
		const compresses =
			!endStream && enough && this.#isChosen(stream, response) && compressible && transferAllows(headers);
		(compresses ? side.done : side.notDone).inc();
		if (compresses) {
			loosenEtag(headers, weakensEtag);
			headers.remove("content-length");
			headers.set("content-encoding", library.encoding);
			this.#response = this.#open(stream, "response");
		}
		// Even what was not compressed could have been, for another client.
		if (compressible) varyByEncoding(headers);
		return compresses ? "continue" : "pass";
	}

	encodeData(_stream: FilterStream, data: Uint8Array): DataOutcome {
		return this.#response?.data(data) ?? "continue";
	}

	encodeEnd(): EndOutcome {
		return this.#response?.end() ?? "continue";
	}

	onStreamEnd(): void {
		this.#request?.close();
		this.#response?.close();
	}

	#override(stream: FilterStream): RouteOverride | undefined {
		return stream.routeConfig(this.#name) as RouteOverride | undefined;
	}

	#isOn(override: RouteOverride | undefined): boolean {
		return override?.enabled ?? this.#settings.response.enabled;
	}

	#isCompressible({ status, headers }: ResponseHead): boolean {
		const { response: side, keepsEtagged, stats, excludedCodes } = this.#settings;
		if (this.#upgrade || status === 101 || excludedCodes.has(status)) return false;
		if (!isTypeAllowed(headers, side) || hasNoTransform(headers)) return false;
		if (keepsEtagged && headers.has("etag")) {
			stats.etag.inc();
			return false;
		}
		return !headers.has("content-encoding");
	}

	#join({ info }: FilterStream): void {
		const known = info.filterState.get(STATE) as ChainState | undefined;
		const state = known ?? { compressors: [], choice: undefined };
		state.compressors.push(this.#settings);
		if (!known) info.filterState.set(STATE, state);
	}

	/** Whether the response's encoding is this compressor's. */
	#isChosen({ info }: FilterStream, { headers }: ResponseHead): boolean {
		const { stats, library } = this.#settings;
		if (this.#acceptEncoding === undefined) {
			stats.noHeader.inc();
			return false;
		}
		const state = info.filterState.get(STATE) as ChainState;
		state.choice ??= this.#choose(this.#acceptEncoding, state.compressors, mediaType(headers));
		const chosen = state.choice.encoding.toLowerCase() === library.encoding;
		const { why } = state.choice;
		if (why === "compressor") (chosen ? stats.used : stats.overshadowed).inc();
		else if (why === "identity") stats.identity.inc();
		else if (why === "wildcard") stats.wildcard.inc();
		else stats.notValid.inc();
		return chosen;
	}

	#choose(accept: string, compressors: readonly CompressorSettings[], type: string | undefined): EncodingChoice {
		const able = compressors.filter(({ response }) => response.isTypeAllowed(type || undefined));
		return chooseEncoding(
			accept,
			able.map(({ library, chooseFirst }) => ({ encoding: library.encoding, chooseFirst })),
		);
	}

	#open(stream: FilterStream, direction: "request" | "response"): CodedBody {
		const { library } = this.#settings;
		const { bytesIn, bytesOut } = this.#settings[direction];
		const { settings } = library;
		return new CodedBody(stream, this, {
			codecs: this.#deps.codecs,
			settings,
			direction,
			bytesIn,
			bytesOut,
			maxRatio: 0,
		});
	}
}
