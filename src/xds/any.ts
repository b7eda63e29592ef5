import {
	create,
	type DescMessage,
	fromBinary,
	fromJson,
	type Message,
	type MessageInitShape,
	type MessageShape,
	toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { ProblemError, problem } from "../lib/problem.ts";
import {
	type TypedStruct as UdpaTypedStruct,
	TypedStructSchema as UdpaTypedStructSchema,
} from "./generated/udpa/type/v1/typed_struct_pb.ts";
import { type TypedStruct, TypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.ts";
import { xdsRegistry } from "./registry.ts";
import { typeNameOf, typeUrlOf } from "./type-urls.ts";

/** Builds a message and packs it: `packAny(RouterSchema, {})`. */
export function packAny<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
	return create(AnySchema, { typeUrl: typeUrlOf(schema.typeName), value: toBinary(schema, create(schema, init)) });
}

/**
 * The message in an Any, or undefined when its type is not one that Lateen speaks. A TypedStruct around such a message counts as the
 * message. Throws on bytes that do not decode, ProblemError on a TypedStruct that is not what it says.
 */
export function unpackAny(any: Any): Message | undefined {
	const schema = xdsRegistry().getMessage(typeNameOf(any.typeUrl));
	const struct = readTypedStruct(any);
	const inner = struct && xdsRegistry().getMessage(typeNameOf(struct.typeUrl));
	if (inner) return fromTypedStruct(struct, inner);
	return schema && fromBinary(schema, any.value);
}

/** The message in an Any (or in a TypedStruct in it) that must be of one type; undefined when it is of another. Throws as `unpackAny`. */
export function unpackAs<D extends DescMessage>(any: Any | undefined, schema: D): MessageShape<D> | undefined {
	if (!any) return undefined;
	if (typeNameOf(any.typeUrl) === schema.typeName) return fromBinary(schema, any.value);
	const struct = readTypedStruct(any);
	return struct && typeNameOf(struct.typeUrl) === schema.typeName ? fromTypedStruct(struct, schema) : undefined;
}

/** Type URL of the extension in an Any: the one inside, where it comes as a TypedStruct. */
export const extensionTypeUrl = (any: Any): string => readTypedStruct(any)?.typeUrl ?? any.typeUrl;

/** The TypedStruct in an Any; undefined for any other message. */
export function readTypedStruct(any: Any): UdpaTypedStruct | TypedStruct | undefined {
	const type = typeNameOf(any.typeUrl);
	if (type === UdpaTypedStructSchema.typeName) return fromBinary(UdpaTypedStructSchema, any.value);
	return type === TypedStructSchema.typeName ? fromBinary(TypedStructSchema, any.value) : undefined;
}

/** The message whose fields a TypedStruct holds; throws ProblemError when they are not that message's. */
export function fromTypedStruct<D extends DescMessage>(
	{ value }: UdpaTypedStruct | TypedStruct,
	schema: D,
): MessageShape<D> {
	try {
		return fromJson(schema, value ?? {}, { registry: xdsRegistry() });
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message : String(cause);
		throw new ProblemError([problem("LTN3004", schema.typeName, `the TypedStruct holds something else: ${reason}`)], {
			cause,
		});
	}
}
