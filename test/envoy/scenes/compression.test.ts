import {
	brotliCompressSync,
	brotliDecompressSync,
	gunzipSync,
	gzipSync,
	zstdCompressSync,
	zstdDecompressSync,
} from "node:zlib";
import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const NAME = "envoy.filters.http.compressor";
const gzipLibrary = (more: JsonObject = {}): JsonObject => ({
	name: "zip",
	typed_config: any("envoy.extensions.compression.gzip.compressor.v3.Gzip", more),
});
const brotliLibrary: JsonObject = {
	name: "bro",
	typed_config: any("envoy.extensions.compression.brotli.compressor.v3.Brotli"),
};
const zstdLibrary = (more: JsonObject = {}): JsonObject => ({
	name: "std",
	typed_config: any("envoy.extensions.compression.zstd.compressor.v3.Zstd", more),
});
const compressor = (config: JsonObject) =>
	httpFilter("compressor", "http.compressor.v3.Compressor", { compressor_library: gzipLibrary(), ...config });
const response = (config: JsonObject, common: JsonObject = {}) =>
	compressor({ response_direction_config: { common_config: common, ...config } });
const UNPACKERS = {
	unzip: any("envoy.extensions.compression.gzip.decompressor.v3.Gzip"),
	unbro: any("envoy.extensions.compression.brotli.decompressor.v3.Brotli"),
	unstd: any("envoy.extensions.compression.zstd.decompressor.v3.Zstd"),
};
const decompressor = (config: JsonObject = {}, name: keyof typeof UNPACKERS = "unzip") =>
	httpFilter("decompressor", "http.decompressor.v3.Decompressor", {
		decompressor_library: { name, typed_config: UNPACKERS[name] },
		...config,
	});
const per = (config: JsonObject) => ({
	typed_per_filter_config: { [NAME]: any("http.compressor.v3.CompressorPerRoute", config) },
});
const routes = [
	to("echo", "/off", {}, per({ disabled: true })),
	to("echo", "/on", {}, per({ overrides: { response_direction_config: {} } })),
	to("echo", "/hide", {}, per({ overrides: { response_direction_config: { remove_accept_encoding_header: true } } })),
	{ match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "d".repeat(50) } } },
	to("echo"),
];
const chain = (name: string, ...filters: JsonObject[]) => listener(name, [hcm({ filters, routes })]);

const TEXT = "compress me, ".repeat(20);
const answer = (headers: Record<string, string> = {}, body = TEXT): Answer => ({
	headers: { "content-type": "text/plain", ...headers },
	body,
});

/** Bodies by what they stand for; how well zlib has done is not compared. */
function unpacked(seen: Observation): unknown {
	const visit = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(visit);
		if (typeof value !== "object" || value === null) return value;
		const record = value as Record<string, unknown>;
		const headers = record.headers as [string, string][] | undefined;
		const encoding = headers?.find(([name]) => name.toLowerCase() === "content-encoding")?.[1];
		const bytes = typeof record.body === "string" ? Buffer.from(record.body, "latin1") : undefined;
		const body = bytes && encoding ? unpack(bytes, encoding) : record.body;
		return Object.fromEntries(
			Object.entries({ ...record, body }).map(([key, one]) => [
				key,
				key === "sent" || key === "received" ? 0 : visit(one),
			]),
		);
	};
	const { connections, upstreams, log, counters } = seen;
	const sizes = Object.entries(counters).map(([name, count]) => [
		name,
		name.endsWith("_compressed_bytes") ? count > 0 : count,
	]);
	return visit({ connections, upstreams, log, counters: Object.fromEntries(sizes) });
}

function unpack(bytes: Buffer, encoding: string): string {
	try {
		if (encoding === "gzip") return gunzipSync(bytes).toString();
		if (encoding === "zstd") return zstdDecompressSync(bytes).toString();
		return encoding === "br" ? brotliDecompressSync(bytes).toString() : bytes.toString("latin1");
	} catch {
		return "not what it says";
	}
}

const counters = [/http\.in\.(de)?compressor\..*/];
function ask(to: string, name: string, accept: string | undefined, from: Answer = answer(), path = "/"): Case {
	const headers: Record<string, string> = accept === undefined ? {} : { "accept-encoding": accept };
	return {
		name: `${to}: ${name}`,
		to,
		send: { path, headers },
		answers: { echo: [from] },
		counters,
		compare: unpacked,
	};
}
function post(to: string, name: string, body: string | Buffer, headers: Record<string, string>): Case {
	const bytes = typeof body === "string" ? body : body.toString("latin1");
	const head = Object.entries({ host: "test.local", "content-length": String(bytes.length), ...headers });
	const raw = Buffer.from(
		`POST / HTTP/1.1\r\n${head.map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n${bytes}`,
		"latin1",
	);
	return { name: `${to}: ${name}`, to, send: raw, counters, compare: unpacked };
}

scene("compression", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				chain("zip", response({})),
				chain("old", compressor({ content_length: 10, content_type: ["text/x"], disable_on_etag_header: true })),
				chain(
					"strict",
					response(
						{
							disable_on_etag_header: true,
							remove_accept_encoding_header: true,
							uncompressible_response_codes: [206, 404],
						},
						{ min_content_length: 500 },
					),
				),
				chain("weak", response({ weaken_etag_on_compress: true }, { content_type: ["text/plain", "Text/X"] })),
				chain("disabled", response({}, { enabled: { default_value: false, runtime_key: "k" } })),
				chain(
					"both",
					response({}),
					httpFilter("compressor", "http.compressor.v3.Compressor", {
						compressor_library: brotliLibrary,
						response_direction_config: {},
					}),
				),
				chain(
					"brotli",
					httpFilter("compressor", "http.compressor.v3.Compressor", {
						compressor_library: brotliLibrary,
						response_direction_config: {},
						choose_first: true,
					}),
				),
				chain("zstd", compressor({ compressor_library: zstdLibrary(), response_direction_config: {} })),
				chain(
					"zstd-tuned",
					compressor({
						compressor_library: zstdLibrary({ compression_level: 30, enable_checksum: true, strategy: "BTOPT" }),
						choose_first: true,
					}),
					response({}),
				),
				chain(
					"requests",
					compressor({
						request_direction_config: { common_config: { enabled: { default_value: true, runtime_key: "k" } } },
						response_direction_config: { common_config: { enabled: { default_value: false, runtime_key: "k" } } },
					}),
				),
				chain("unzip", decompressor()),
				chain("unbro", decompressor({}, "unbro")),
				chain("unstd", decompressor({}, "unstd")),
				chain(
					"unzip-quiet",
					decompressor({
						request_direction_config: {
							advertise_accept_encoding: false,
							common_config: { ignore_no_transform_header: true },
						},
					}),
				),
				chain(
					"unzip-off",
					decompressor({
						response_direction_config: { common_config: { enabled: { default_value: false, runtime_key: "k" } } },
					}),
				),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		ask("zip", "gzip", "gzip"),
		ask("zip", "in chunks", "gzip", { ...answer(), framing: "chunked" }),
		ask("zip", "nothing accepted", undefined),
		ask("zip", "an empty list", ""),
		ask("zip", "everything", "*"),
		ask("zip", "identity", "identity"),
		ask("zip", "gzip last", "deflate, br;q=0.9, gzip;q=0.5"),
		ask("zip", "gzip refused", "gzip;q=0, *"),
		ask("zip", "identity preferred", "gzip;q=0.2, identity;q=0.5"),
		ask("zip", "a broken quality", "gzip;q=abc"),
		ask("zip", "another parameter", "gzip;x=1"),
		ask("zip", "in capitals", "GZIP"),
		ask("zip", "too short", "gzip", answer({}, "short")),
		ask("zip", "another type", "gzip", answer({ "content-type": "image/png" })),
		ask("zip", "a type with parameters", "gzip", answer({ "content-type": "Text/HTML; charset=utf-8" })),
		ask("zip", "no type", "gzip", { body: TEXT }),
		ask("zip", "compressed already", "gzip", answer({ "content-encoding": "identity" })),
		ask("zip", "no-transform", "gzip", answer({ "cache-control": "public, No-Transform" })),
		ask("zip", "a strong etag", "gzip", answer({ etag: '"abc"' })),
		ask("zip", "a weak etag", "gzip", answer({ etag: 'W/"abc"' })),
		ask("zip", "vary", "gzip", answer({ vary: "origin" })),
		ask("zip", "vary by it already", "gzip", answer({ vary: "accept-encoding, x" })),
		ask("zip", "turned off by the route", "gzip", answer(), "/off"),
		ask("zip", "a direct response", "gzip", answer(), "/direct"),
		{
			...ask("zip", "HEAD", "gzip"),
			send: { method: "HEAD", path: "/", headers: { "accept-encoding": "gzip" } },
		} as Case,
		ask("zip", "an error", "gzip", { ...answer(), status: 500 }),
		ask("old", "its own type", "gzip", answer({ "content-type": "text/x" })),
		ask("old", "not its type", "gzip"),
		ask("old", "an etag", "gzip", answer({ "content-type": "text/x", etag: '"a"' })),
		ask("strict", "too short for it", "gzip"),
		ask("strict", "long enough", "gzip", answer({}, TEXT.repeat(3))),
		ask("strict", "a status that is left alone", "gzip", { ...answer({}, TEXT.repeat(3)), status: 404 }),
		ask("strict", "an etag", "gzip", answer({ etag: '"a"' }, TEXT.repeat(3))),
		ask("weak", "a strong etag", "gzip", answer({ etag: '"abc"' })),
		ask("weak", "types in capitals", "gzip", answer({ "content-type": "TEXT/x" })),
		ask("disabled", "nothing", "gzip"),
		ask("disabled", "turned on by the route", "gzip", answer(), "/on"),
		ask("disabled", "turned on and hidden from the upstream", "gzip", answer(), "/hide"),
		ask("both", "gzip", "gzip"),
		ask("both", "brotli", "br"),
		ask("both", "either", "gzip, br"),
		ask("both", "rather brotli", "gzip;q=0.5, br;q=0.9"),
		ask("both", "anything", "*"),
		ask("brotli", "brotli", "br"),
		ask("zstd", "zstd", "zstd"),
		ask("zstd", "zstd in chunks", "gzip, zstd;q=0.3", { ...answer(), framing: "chunked" }),
		ask("zstd", "gzip, which it has not", "gzip"),
		ask("zstd-tuned", "either", "gzip, zstd"),
		ask("zstd-tuned", "gzip", "gzip;q=0.9, zstd;q=0.2"),
		post("unstd", "a request", zstdCompressSync(TEXT), { "content-encoding": "zstd" }),
		post("requests", "a request", TEXT, { "content-type": "text/plain" }),
		post("requests", "a short request", "abc", { "content-type": "text/plain" }),
		post("requests", "a request of another type", TEXT, { "content-type": "image/png" }),
		post("unzip", "a request", gzipSync(TEXT), { "content-encoding": "gzip" }),
		post("unzip", "a request that is not compressed", TEXT, {}),
		post("unzip", "two encodings", gzipSync(TEXT), { "content-encoding": "GZIP, br" }),
		post("unzip", "no-transform", gzipSync(TEXT), { "content-encoding": "gzip", "cache-control": "no-transform" }),
		post("unzip-quiet", "no-transform ignored", gzipSync(TEXT), {
			"content-encoding": "gzip",
			"cache-control": "no-transform",
		}),
		post("unbro", "a request", brotliCompressSync(TEXT), { "content-encoding": "br" }),
		ask("unzip", "a response", undefined, {
			headers: { "content-encoding": "gzip" },
			body: gzipSync(TEXT).toString("latin1") as never,
		}),
		ask("unzip", "accept-encoding is told", "br;q=1, gzip;q=0.1"),
		ask("unzip-quiet", "accept-encoding is left alone", "br"),
		ask("unzip-off", "accept-encoding is left alone", "br"),
	],
});
