import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { FIELD, type HpackField } from "./hpack-field.ts";
import { decodeHuffman, encodeHuffman, huffmanLength } from "./huffman.ts";

function decode(decoder: HpackDecoder, block: Buffer): string[] | undefined {
	const fields: string[] = [];
	const sink = { onField: (field: HpackField) => fields.push(`${field.name}: ${field.value}`) };
	return decoder.decode(block, 0, block.length, sink) ? fields : undefined;
}

function decodeHex(decoder: HpackDecoder, hex: string): string[] | undefined {
	return decode(decoder, Buffer.from(hex.replace(/\s/g, ""), "hex"));
}

describe("Huffman code", () => {
	it("gives back every text", () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
				const text = Buffer.from(bytes).toString("latin1");
				const coded = Buffer.from(encodeHuffman(text), "latin1");
				assert.equal(coded.length, huffmanLength(text));
				assert.equal(decodeHuffman(coded, 0, coded.length), text);
			}),
		);
	});

	it("refuses padding that is too long or not of ones, and the end-of-string code", () => {
		const refused = ["1fff", "18", "ffffffff", "f1e3c2e5f23a6ba0ab90f4ffff"];
		for (const hex of refused) {
			const coded = Buffer.from(hex, "hex");
			assert.equal(decodeHuffman(coded, 0, coded.length), undefined, hex);
		}
	});
});

describe("HpackDecoder", () => {
	it("decodes literals and indexed fields (RFC 7541 C.2)", () => {
		const decoder = () => new HpackDecoder(4096);
		assert.deepEqual(decodeHex(decoder(), "400a637573746f6d2d6b65790d637573746f6d2d686561646572"), [
			"custom-key: custom-header",
		]);
		assert.deepEqual(decodeHex(decoder(), "040c2f73616d706c652f70617468"), [":path: /sample/path"]);
		assert.deepEqual(decodeHex(decoder(), "100870617373776f726406736563726574"), ["password: secret"]);
		assert.deepEqual(decodeHex(decoder(), "82"), [":method: GET"]);
	});

	for (const [name, blocks] of [
		[
			"C.3",
			[
				"828684410f7777772e6578616d706c652e636f6d",
				"828684be58086e6f2d6361636865",
				"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
			],
		],
		[
			"C.4 (Huffman)",
			[
				"828684418cf1e3c2e5f23a6ba0ab90f4ff",
				"828684be5886a8eb10649cbf",
				"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
			],
		],
	] as const)
		it(`follows the requests of RFC 7541 ${name}`, () => {
			const decoder = new HpackDecoder(4096);
			const [first, second, third] = blocks.map((block) => decodeHex(decoder, block));
			const target = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
			assert.deepEqual(first, target);
			assert.deepEqual(second, [...target, "cache-control: no-cache"]);
			assert.deepEqual(third, [
				":method: GET",
				":scheme: https",
				":path: /index.html",
				":authority: www.example.com",
				"custom-key: custom-value",
			]);
		});

	for (const [name, blocks] of [
		[
			"C.5",
			[
				"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
				"4803333037c1c0bf",
				"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
			],
		],
		[
			"C.6 (Huffman)",
			[
				"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
				"4883640effc1c0bf",
				"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
			],
		],
	] as const)
		it(`follows the responses of RFC 7541 ${name}, with a table of 256 bytes`, () => {
			const decoder = new HpackDecoder(256);
			const [first, second, third] = blocks.map((block) => decodeHex(decoder, block));
			const rest = [
				"cache-control: private",
				"date: Mon, 21 Oct 2013 20:13:21 GMT",
				"location: https://www.example.com",
			];
			assert.deepEqual(first, [":status: 302", ...rest]);
			assert.deepEqual(second, [":status: 307", ...rest]);
			assert.deepEqual(third, [
				":status: 200",
				"cache-control: private",
				"date: Mon, 21 Oct 2013 20:13:22 GMT",
				"location: https://www.example.com",
				"content-encoding: gzip",
				"set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
			]);
		});

	it("refuses what breaks the rules", () => {
		const refused = {
			"index 0": "80",
			"index beyond the tables": "be",
			"integer without end": "ffffffffffffffff7f",
			"text longer than the block": "4005616263",
			"size update behind a field": "8220",
			"size update beyond the setting": "3fe21f",
			"name missing": "40",
		};
		for (const [name, hex] of Object.entries(refused))
			assert.equal(decodeHex(new HpackDecoder(4096), hex), undefined, name);
	});

	it("marks fields that a message may not have", () => {
		const kinds: number[] = [];
		const encoder = new HpackEncoder(4096);
		const block = [
			encoder.encode("x-fine", "yes"),
			encoder.encode("X-Upper", "a"),
			encoder.encode("x-feed", "a\nb"),
			encoder.encode("x-blank", " a"),
			encoder.encode(":unknown", "a"),
			encoder.encode("connection", "close"),
			encoder.encode("x-feed", "fine"),
		].join("");
		const bytes = Buffer.from(block, "latin1");
		new HpackDecoder(4096).decode(bytes, 0, bytes.length, { onField: ({ kind }) => kinds.push(kind) });
		const { regular, malformed, connectionSpecific } = FIELD;
		assert.deepEqual(kinds, [regular, malformed, malformed, malformed, malformed, connectionSpecific, regular]);
	});
});

describe("HpackEncoder", () => {
	const name = fc.constantFrom(
		"x-a",
		"x-b",
		"x-c",
		":path",
		"content-type",
		"authorization",
		"cookie",
		"date",
		"x-long-name-of-a-field",
	);
	const value = fc.oneof(
		fc.constantFrom("", "1", "text/html", "v".repeat(500), "w".repeat(3000)),
		fc.string({ maxLength: 40 }).map((text) => Buffer.from(text, "utf8").toString("latin1")),
	);
	const blocks = fc.array(
		fc.record({ fields: fc.array(fc.tuple(name, value), { maxLength: 12 }), resize: fc.option(fc.nat(5000)) }),
		{
			maxLength: 30,
		},
	);

	it("is understood by the decoder, whatever the fields and the sizes of the table", () => {
		fc.assert(
			fc.property(blocks, (messages) => {
				const encoder = new HpackEncoder(4096);
				const decoder = new HpackDecoder(4096);
				for (const { fields, resize } of messages) {
					if (resize !== null) encoder.resize(resize);
					const block = encoder.begin() + fields.map(([field, text]) => encoder.encode(field, text)).join("");
					const expected = fields.map(([field, text]) => `${field}: ${text}`);
					assert.deepEqual(decode(decoder, Buffer.from(block, "latin1")), expected);
				}
			}),
		);
	});

	it("writes a field that repeats as one byte", () => {
		const encoder = new HpackEncoder(4096);
		encoder.encode("x-request-kind", "browser");
		assert.equal(encoder.encode("x-request-kind", "browser").length, 1);
		assert.equal(encoder.encode(":method", "GET").length, 1);
	});

	it("takes what differs each time into the table when it comes twice in a row", () => {
		const encoder = new HpackEncoder(4096);
		const sizes = ["/a", "/b", "/b", "/b"].map((path) => encoder.encode(":path", path).length);
		assert.deepEqual(sizes.slice(0, 2), [4, 4]);
		assert.equal(sizes[3], 1);
	});

	it("never puts secrets into a table, and says so to the next hop", () => {
		const encoder = new HpackEncoder(4096);
		for (let i = 0; i < 3; i++) {
			assert.equal(encoder.encode("authorization", "Bearer x").charCodeAt(0) & 0xf0, 0x10);
			assert.equal(encoder.encode("cookie", "pin=1234").charCodeAt(0) & 0xf0, 0x10);
		}
	});

	it("keeps nothing of names that have left the table", () => {
		const encoder = new HpackEncoder(256);
		const decoder = new HpackDecoder(256);
		for (let i = 0; i < 2000; i++) {
			const block = `${encoder.begin()}${encoder.encode(`x-name-${i}`, "v")}`;
			assert.deepEqual(decode(decoder, Buffer.from(block, "latin1")), [`x-name-${i}: v`]);
		}
	});

	it("sends text beyond latin1 as UTF-8", () => {
		const block = Buffer.from(new HpackEncoder(4096).encode("x-city", "Łódź"), "latin1");
		const [field] = decode(new HpackDecoder(4096), block)!;
		assert.equal(Buffer.from(field!, "latin1").toString("utf8"), "x-city: Łódź");
	});
});
