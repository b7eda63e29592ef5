import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { ProblemError } from "../../../lib/problem.ts";
import { CompressorSchema } from "../../../xds/generated/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts";
import { DecompressorSchema } from "../../../xds/generated/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { chooseEncoding, withEncoding } from "../../filter/compression/accept-encoding.ts";
import { compressorFilter } from "../../filter/compression/compressor.ts";
import { decompressorFilter } from "../../filter/compression/decompressor.ts";
import { TestStream, testDeps } from "../../filter/filter-fixture.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { bodyCodecs } from "./body-codecs.ts";

const both = [
	{ encoding: "gzip", chooseFirst: false },
	{ encoding: "br", chooseFirst: true },
];

test("the encoding with the highest quality is chosen, ties by the configuration", () => {
	const chosen = (accept: string) => {
		const { encoding, why } = chooseEncoding(accept, both);
		return `${encoding} ${why}`;
	};
	assert.equal(chosen("gzip, br;q=0.9"), "gzip compressor");
	assert.equal(chosen("gzip, br"), "br compressor");
	assert.equal(chosen("*"), "gzip wildcard");
	assert.equal(chosen("gzip;q=0, *"), "br wildcard");
	assert.equal(chosen("identity, gzip;q=0.5"), "identity identity");
	for (const nothing of ["", "deflate", "gzip;q=0", "br;q=x"]) assert.equal(chosen(nothing), "identity not-valid");
});

test("an encoding is told once and without a quality", () => {
	assert.equal(withEncoding(undefined, "gzip"), "gzip");
	assert.equal(withEncoding("br, gzip;q=0.1", "gzip"), "br,gzip");
});

const library = (kind: "compressor" | "decompressor", more: JsonObject = {}): JsonObject => ({
	name: "zip",
	typed_config: { "@type": `type.googleapis.com/envoy.extensions.compression.gzip.${kind}.v3.Gzip`, ...more },
});
const codecs = () => testDeps({ codecs: bodyCodecs });

/** Resolves when the filter has let the end go. */
async function ended(stream: TestStream, which: "continued" | "encodingContinued"): Promise<void> {
	const deadline = performance.now() + 2000;
	while (stream[which] === 0 && !stream.reply) {
		assert.ok(performance.now() < deadline, "the end never came");
		await new Promise((resolve) => setImmediate(resolve));
	}
}

test("a response goes out compressed, piece by piece", async () => {
	const deps = codecs();
	const config = fromJson(
		CompressorSchema,
		{ compressor_library: library("compressor"), response_direction_config: {} },
		{ registry: xdsRegistry() },
	);
	const filter = compressorFilter(deps).parse(config, "f", "c").create();
	const stream = new TestStream(testRequest("/", { "accept-encoding": "gzip" }));
	filter.decodeHeaders!(stream, true);
	const response = { status: 200, headers: HeaderMap.of(["content-type", "text/plain"], ["content-length", "2000"]) };
	assert.equal(filter.encodeHeaders!(stream, response, false), "continue");
	assert.equal(response.headers.has("content-length"), false);
	const piece = Buffer.from("a".repeat(1000));
	assert.equal(filter.encodeData!(stream, piece), "taken");
	piece.fill("b");
	assert.equal(filter.encodeData!(stream, Buffer.from("c".repeat(1000))), "taken");
	assert.equal(filter.encodeEnd!(stream, undefined), "hold");
	await ended(stream, "encodingContinued");
	assert.equal(gunzipSync(Buffer.concat(stream.injected.response)).toString(), "a".repeat(1000) + "c".repeat(1000));
	assert.equal(deps.count("compressor.zip.gzip.response.total_uncompressed_bytes"), 2000);
	filter.onStreamEnd!(stream);
});

describe("decompression", () => {
	const start = (more: JsonObject = {}) => {
		const config = fromJson(
			DecompressorSchema,
			{ decompressor_library: library("decompressor", more) },
			{ registry: xdsRegistry() },
		);
		const filter = decompressorFilter(codecs()).parse(config, "f", "d").create();
		const stream = new TestStream(testRequest("/", { "content-encoding": "gzip" }));
		assert.equal(filter.decodeHeaders!(stream, false), "continue");
		return { filter, stream };
	};

	test("the sizes are told in trailers that are there", async () => {
		const { filter, stream } = start();
		const zipped = gzipSync("hello");
		filter.decodeData!(stream, zipped);
		const trailers = HeaderMap.of(["x", "y"]);
		filter.decodeEnd!(stream, trailers);
		await ended(stream, "continued");
		assert.equal(Buffer.concat(stream.injected.request).toString(), "hello");
		assert.deepEqual(trailers.values.slice(1), [String(zipped.length), "5"]);
	});

	test("what blows up is refused", async () => {
		const { filter, stream } = start({ max_inflate_ratio: 10 });
		filter.decodeData!(stream, gzipSync(Buffer.alloc(1_000_000)));
		filter.decodeEnd!(stream, undefined);
		await ended(stream, "continued");
		assert.equal(stream.reply?.status, 400);
		assert.ok(Buffer.concat(stream.injected.request).length < 100_000);
	});

	test("what is broken is refused", async () => {
		const { filter, stream } = start();
		filter.decodeData!(stream, Buffer.from("no gzip at all"));
		await ended(stream, "continued");
		assert.equal(stream.reply?.details, "body_decompression_failed");
		filter.onStreamEnd!(stream);
	});
});

test("what is wrong is told with its path", () => {
	const config = fromJson(
		CompressorSchema,
		{ compressor_library: library("compressor", { memory_level: 12, window_bits: 20 }) },
		{ registry: xdsRegistry() },
	);
	assert.throws(
		() => compressorFilter(codecs()).parse(config, "f", "c"),
		(error: unknown) => {
			const at = "f.compressor_library.typed_config.";
			assert.deepEqual(
				(error as ProblemError).problems.map(({ path }) => path),
				[`${at}memory_level`, `${at}window_bits`],
			);
			return true;
		},
	);
});
