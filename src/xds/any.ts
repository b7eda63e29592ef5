import {
	create,
	type DescMessage,
	fromBinary,
	type Message,
	type MessageInitShape,
	type MessageShape,
	toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { xdsRegistry } from "./registry.ts";
import { typeNameOf, typeUrlOf } from "./type-urls.ts";

/** Builds a message and packs it: `packAny(RouterSchema, {})`. */
export function packAny<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
	return create(AnySchema, { typeUrl: typeUrlOf(schema.typeName), value: toBinary(schema, create(schema, init)) });
}

/** The message in an Any, or undefined when its type is not one that Lateen speaks. Throws on bytes that do not decode. */
export function unpackAny(any: Any): Message | undefined {
	const schema = xdsRegistry().getMessage(typeNameOf(any.typeUrl));
	return schema && fromBinary(schema, any.value);
}

/** The message in an Any that must be of one type; undefined when it is of another. Throws on bytes that do not decode. */
export function unpackAs<D extends DescMessage>(any: Any | undefined, schema: D): MessageShape<D> | undefined {
	if (!any || typeNameOf(any.typeUrl) !== schema.typeName) return undefined;
	return fromBinary(schema, any.value);
}
