import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	BufferPerRoute,
	Buffer as Config,
} from "../../../xds/generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

/** The most that a request's body may have, or that the route buffers nothing. */
type Limit = number | "disabled";

/** Sends requests on when they are whole, with their length (Envoy: buffer filter). */
export function bufferFilter(): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
		parse(config, path, name) {
			const limit = readingConfig(path, (at, problems) => parseLimit(config as Config, at, problems));
			return { name, create: () => new BufferStream(name, limit) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseRoute(config as BufferPerRoute, at, problems)),
	};
}

function parseLimit({ maxRequestBytes }: Config, at: FieldPath, problems: ProblemList): number {
	if (!maxRequestBytes)
		problems.add("missing", at.field("max_request_bytes"), "the filter does not say how much it may buffer");
	return maxRequestBytes ?? 0;
}

function parseRoute({ override }: BufferPerRoute, at: FieldPath, problems: ProblemList): Limit {
	if (override.case === "buffer") return parseLimit(override.value, at.field("buffer"), problems);
	if (override.case === undefined) problems.add("missing", at, "the override says nothing", "set disabled or buffer");
	else if (!override.value) problems.add("invalid", at.field("disabled"), "disabled can only be true");
	return "disabled";
}

class BufferStream implements HttpFilter {
	readonly #name: string;
	readonly #limit: number;
	#bytes = 0;

	constructor(name: string, limit: number) {
		this.#name = name;
		this.#limit = limit;
	}

	decodeHeaders(stream: FilterStream, endStream: boolean): HeadOutcome {
		const limit = (stream.routeConfig(this.#name) as Limit | undefined) ?? this.#limit;
		if (endStream || limit === "disabled") return "pass";
		stream.limitRequestBuffer(limit);
		return "hold";
	}

	decodeData(_stream: FilterStream, data: Uint8Array): "hold" {
		this.#bytes += data.length;
		return "hold";
	}

	decodeEnd({ request }: FilterStream): "continue" {
		if (!request.headers.has("content-length")) request.headers.append("content-length", String(this.#bytes));
		return "continue";
	}
}
