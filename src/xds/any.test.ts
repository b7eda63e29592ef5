import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ProblemError } from "../lib/problem.ts";
import { extensionTypeUrl, packAny, unpackAny, unpackAs } from "./any.ts";
import { BufferSchema } from "./generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts";
import { RouterSchema } from "./generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpFilterSchema } from "./generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { TypedStructSchema as UdpaTypedStructSchema } from "./generated/udpa/type/v1/typed_struct_pb.ts";
import { TypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.ts";
import { findUnsupported } from "./supported.ts";
import { typeUrlOf } from "./type-urls.ts";

const BUFFER = typeUrlOf(BufferSchema.typeName);

test("a TypedStruct around a message is that message", () => {
	for (const schema of [TypedStructSchema, UdpaTypedStructSchema]) {
		const any = packAny(schema, { typeUrl: BUFFER, value: { max_request_bytes: 5 } });
		assert.equal(extensionTypeUrl(any), BUFFER);
		assert.equal(unpackAs(any, BufferSchema)?.maxRequestBytes, 5);
		assert.equal(unpackAs(any, RouterSchema), undefined);
		assert.equal(unpackAny(any)?.$typeName, BufferSchema.typeName);
	}
});

test("a TypedStruct that holds something else is a problem; one of an unknown type stays what it is", () => {
	const wrong = packAny(TypedStructSchema, { typeUrl: BUFFER, value: { nonsense: 5 } });
	assert.throws(
		() => unpackAs(wrong, BufferSchema),
		(error: unknown) => error instanceof ProblemError && error.problems[0]?.code === "LTN3004",
	);
	const strange = packAny(TypedStructSchema, { typeUrl: "type.googleapis.com/x.Y", value: { a: 1 } });
	assert.equal(unpackAny(strange)?.$typeName, TypedStructSchema.typeName);
});

test("its fields are looked at like any others", () => {
	const filter = (value: { [name: string]: number }) =>
		create(HttpFilterSchema, {
			configType: { case: "typedConfig", value: packAny(TypedStructSchema, { typeUrl: BUFFER, value }) },
		});
	const supported = { [HttpFilterSchema.typeName]: ["typed_config"], [BufferSchema.typeName]: [] };
	const found = (value: { [name: string]: number }) =>
		findUnsupported(HttpFilterSchema, filter(value), supported).map(({ code, path }) => `${code} ${path}`);
	assert.deepEqual(found({ max_request_bytes: 5 }), ["LTN3001 typed_config.max_request_bytes"]);
	assert.deepEqual(found({ nonsense: 5 }), ["LTN3004 typed_config"]);
});
