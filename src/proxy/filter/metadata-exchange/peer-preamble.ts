import { create, fromBinary, fromJson, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { AnySchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { decodePeerStruct, encodePeerMetadata, type WorkloadMetadata } from "../workload-metadata.ts";

const MAGIC = 0x3d230467;
const HEAD_BYTES = 8;
/** Nobody's metadata is longer; more is not waited for. */
const MAX_BYTES = 64 * 1024;
const STRUCT_TYPE = "type.googleapis.com/google.protobuf.Struct";
const METADATA = "x-envoy-peer-metadata";
const ID = "x-envoy-peer-metadata-id";

/** What a proxy says of its workload before a connection's own bytes (Istio's metadata exchange over TCP): magic number, length, an Any with a Struct. */
export function encodePreamble(node: WorkloadMetadata): Uint8Array {
	const metadata = toJson(StructSchema, fromBinary(StructSchema, base64Decode(encodePeerMetadata(node))));
	const both: JsonObject = { [METADATA]: metadata, ...(node.id !== "" && { [ID]: node.id }) };
	const value = toBinary(StructSchema, fromJson(StructSchema, both));
	const any = toBinary(AnySchema, create(AnySchema, { typeUrl: STRUCT_TYPE, value }));
	const bytes = new Uint8Array(HEAD_BYTES + any.length);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, MAGIC);
	view.setUint32(4, any.length);
	bytes.set(any, HEAD_BYTES);
	return bytes;
}

/** What was read of the peer's preamble; `rest` are the connection's own bytes behind it. */
export interface PeerReading {
	/** "none": what came is no preamble, and all of it is `rest`. */
	readonly outcome: "found" | "none" | "broken";
	readonly peer: WorkloadMetadata | undefined;
	readonly rest: Uint8Array;
}

/** Reads a peer's preamble, however the bytes are cut. */
export class PreambleReader {
	#bytes: Uint8Array = new Uint8Array(0);

	/** Undefined: more is needed. `bytes` is copied. */
	feed(bytes: Uint8Array): PeerReading | undefined {
		const joined = new Uint8Array(this.#bytes.length + bytes.length);
		joined.set(this.#bytes);
		joined.set(bytes, this.#bytes.length);
		this.#bytes = joined;
		if (!beginsWithMagic(joined)) return { outcome: "none", peer: undefined, rest: joined };
		if (joined.length < HEAD_BYTES) return undefined;
		const length = new DataView(joined.buffer).getUint32(4);
		if (length > MAX_BYTES) return { outcome: "none", peer: undefined, rest: joined };
		if (joined.length < HEAD_BYTES + length) return undefined;
		const peer = decode(joined.subarray(HEAD_BYTES, HEAD_BYTES + length));
		return { outcome: peer ? "found" : "broken", peer, rest: joined.subarray(HEAD_BYTES + length) };
	}

	/** What came so far. */
	get pending(): Uint8Array {
		return this.#bytes;
	}
}

/** As far as there are bytes. */
function beginsWithMagic(bytes: Uint8Array): boolean {
	for (let i = 0; i < 4 && i < bytes.length; i++) if (bytes[i] !== ((MAGIC >>> (24 - 8 * i)) & 0xff)) return false;
	return true;
}

function decode(bytes: Uint8Array): WorkloadMetadata | undefined {
	try {
		const { typeUrl, value } = fromBinary(AnySchema, bytes);
		if (typeUrl !== STRUCT_TYPE) return undefined;
		const both = toJson(StructSchema, fromBinary(StructSchema, value)) as JsonObject;
		const id = both[ID];
		return decodePeerStruct(typeof id === "string" ? id : "", both[METADATA]);
	} catch {
		// Whatever the peer has sent there: nothing is known of it then.
		return undefined;
	}
}
