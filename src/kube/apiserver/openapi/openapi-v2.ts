/** Media type in which kubectl asks for OpenAPI v2 (gnostic's protobuf). */
export const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/** Media type of the answer: the one above is no valid media type because of its `@`, and kubectl parses this one. */
export const OPENAPI_V2_ANSWER = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/**
 * An OpenAPI v2 document that names no types, in gnostic's protobuf (Document: 1 swagger, 2 info {1 title, 2 version}, 8 paths). kubectl asks for
 * it when a kind is unknown to OpenAPI v3; finding no type there it skips its own checks and goes on to say that the kind does not exist. JSON
 * readers are refused (404): the types are in v3.
 */
export function encodeOpenApiV2(version: string): Buffer {
	const info = Buffer.concat([textField(1, "Kubernetes"), textField(2, version)]);
	return Buffer.concat([textField(1, "2.0"), bytesField(2, info), bytesField(8, Buffer.alloc(0))]);
}

function textField(field: number, text: string): Buffer {
	return bytesField(field, Buffer.from(text));
}

/** A length-delimited field; every length here is below 128, one byte. */
function bytesField(field: number, bytes: Buffer): Buffer {
	return Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
}
