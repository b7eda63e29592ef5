import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { LocalReply, ResponseHead } from "../../http/message.ts";
import { type CallBook, callNameOf } from "../grpc-stats/call-book.ts";
import type {
	DataOutcome,
	EndOutcome,
	FilterStream,
	HeadOutcome,
	HttpFilter,
	HttpFilterFactory,
} from "../http-filter.ts";
import { Base64Decoder, encodeBase64, joined, latin1Bytes, latin1Text } from "./base64-stream.ts";
import { errorHeaders } from "./error-headers.ts";
import { TextFrameEncoder } from "./text-frame-encoder.ts";

export interface GrpcWebDeps {
	/** Counts the calls in their clusters' stats, as `grpc-web`. */
	readonly calls: CallBook;
}

const TEXT_TYPES = new Set(["application/grpc-web-text", "application/grpc-web-text+proto"]);
const TYPES = new Set(["application/grpc-web", "application/grpc-web+proto", ...TEXT_TYPES]);

/** What of an answer that is no gRPC becomes its message. */
const MAX_MESSAGE_BYTES = 16_384;
/** First byte of the frame that holds the trailers. */
const TRAILERS_FLAG = 0x80;

const BAD_BASE64 = "Bad gRPC-web request, invalid base64 data.";

/** Lets browsers call gRPC services over any HTTP version (Envoy: gRPC-Web filter; gRPC's PROTOCOL-WEB.md). */
export function grpcWebFilter({ calls }: GrpcWebDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
		parse: (_config, _path, name) => ({
			name,
			wants: ({ request }) => TYPES.has(request.headers.get("content-type") ?? ""),
			create: () => new GrpcWebStream(calls),
		}),
	};
}

class GrpcWebStream implements HttpFilter {
	readonly #calls: CallBook;
	/** Undefined: not a gRPC-Web request. */
	#name: string | undefined;
	#isWeb = false;
	/** Set for requests in base64. */
	#decoder: Base64Decoder | undefined;
	/** Set for answers in base64. */
	#encoder: TextFrameEncoder | undefined;
	#wantsText = false;
	/** Pieces of an answer that is no gRPC. */
	#foreign: Uint8Array[] | undefined;
	#foreignBytes = 0;

	constructor(calls: CallBook) {
		this.#calls = calls;
	}

	decodeHeaders({ request }: FilterStream): HeadOutcome {
		const { headers } = request;
		const type = headers.get("content-type") ?? "";
		if (!TYPES.has(type)) return "pass";
		this.#isWeb = true;
		this.#name = callNameOf(request.path);
		headers.remove("content-length");
		headers.set("content-type", "application/grpc");
		this.#wantsText = TEXT_TYPES.has(headers.get("accept") ?? "");
		headers.set("te", "trailers");
		if (!headers.has("grpc-accept-encoding")) headers.append("grpc-accept-encoding", "identity");
		if (!TEXT_TYPES.has(type)) return "pass";
		this.#decoder = new Base64Decoder();
		return "continue";
	}

	decodeData(stream: FilterStream, data: Uint8Array): DataOutcome {
		const decoded = this.#decoder?.decode(latin1Text(data));
		if (decoded) return decoded;
		stream.sendLocalReply(badRequest("grpc_base_64_decode_failed"));
		return "taken";
	}

	decodeEnd(stream: FilterStream): EndOutcome {
		if (!this.#decoder?.incomplete) return "continue";
		stream.sendLocalReply(badRequest("grpc_base_64_decode_failed_bad_size"));
		return "hold";
	}

	encodeHeaders(stream: FilterStream, response: ResponseHead, endStream: boolean): HeadOutcome {
		if (!this.#isWeb) return "pass";
		const { headers } = response;
		this.#count(stream, headers);
		const foreign = !isGrpcAnswer(response, endStream);
		headers.remove("content-length");
		headers.set("content-type", this.#wantsText ? "application/grpc-web-text+proto" : "application/grpc-web+proto");
		if (endStream) return "pass";
		if (foreign) {
			this.#foreign = [];
			return "hold";
		}
		if (this.#wantsText) this.#encoder = new TextFrameEncoder();
		return "continue";
	}

	encodeData(_stream: FilterStream, data: Uint8Array): DataOutcome {
		if (this.#foreign) {
			const room = MAX_MESSAGE_BYTES - this.#foreignBytes;
			if (room > 0) this.#foreign.push(new Uint8Array(data.subarray(0, room)));
			this.#foreignBytes += data.length;
			return "taken";
		}
		return this.#encoder?.encode(data) ?? "continue";
	}

	encodeEnd(stream: FilterStream, trailers: HeaderMap | undefined): EndOutcome {
		if (trailers) this.#count(stream, trailers);
		if (this.#foreign) {
			if (stream.response) errorHeaders(stream.response, joined(this.#foreign));
			return { trailers: undefined };
		}
		if (!trailers) return "continue";
		const frame = trailersFrame(trailers);
		return { append: this.#wantsText ? encodeBase64(frame) : frame, trailers: undefined };
	}

	#count(stream: FilterStream, fields: HeaderMap): void {
		const cluster = stream.info.upstreamCluster;
		if (this.#name === undefined || cluster === undefined) return;
		this.#calls.of(cluster, "grpc-web", this.#name).ended(fields);
	}
}

function badRequest(details: string): LocalReply {
	return { status: 400, body: BAD_BASE64, details };
}

/** An answer in gRPC, or in the binary form of gRPC-Web already. */
function isGrpcAnswer({ status, headers }: ResponseHead, endStream: boolean): boolean {
	const type = headers.get("content-type") ?? "";
	if (endStream ? headers.has("grpc-status") : status === 200 && isGrpc(type)) return true;
	const bare = type.split(";", 1)[0]!.trimEnd().toLowerCase();
	return status === 200 && (bare === "application/grpc-web+proto" || bare === "application/grpc-web");
}

function trailersFrame(trailers: HeaderMap): Uint8Array {
	const lines = trailers.names.map((name, i) => `${name}:${trailers.values[i]}\r\n`).join("");
	const text = latin1Bytes(lines);
	const frame = new Uint8Array(text.length + 5);
	frame[0] = TRAILERS_FLAG;
	new DataView(frame.buffer).setUint32(1, text.length);
	frame.set(text, 5);
	return frame;
}
