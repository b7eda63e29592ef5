import { createRegistry, type Registry } from "@bufbuild/protobuf";
import {
	file_google_protobuf_any,
	file_google_protobuf_duration,
	file_google_protobuf_empty,
	file_google_protobuf_struct,
	file_google_protobuf_timestamp,
	file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { GENERATED_FILES } from "./generated/files.ts";

let registry: Registry | undefined;

/** All messages that Lateen speaks, for proto3 JSON and Any; built at first use. */
export function xdsRegistry(): Registry {
	registry ??= createRegistry(
		...GENERATED_FILES,
		file_google_protobuf_any,
		file_google_protobuf_duration,
		file_google_protobuf_empty,
		file_google_protobuf_struct,
		file_google_protobuf_timestamp,
		file_google_protobuf_wrappers,
	);
	return registry;
}
