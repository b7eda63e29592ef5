import { createHash } from "node:crypto";
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { typeUrlOf } from "../../xds/type-urls.ts";
import type { XdsResource } from "./resource-source.ts";

/** A resource as it goes over the wire. */
export interface EncodedResource {
	readonly name: string;
	/** Hash of the bytes: equal content has equal versions, on every stream and after every restart. */
	readonly version: string;
	readonly any: Any;
	/** The endpoints that a client must have before it can use this resource (EDS name of a cluster). */
	readonly needsEndpoints: string | undefined;
}

const encoded = new WeakMap<Message, EncodedResource>();

/** Encodes each message once; frozen messages that are shared between proxies share their bytes. */
export function encodeResource(resource: XdsResource): EncodedResource {
	const known = encoded.get(resource.message);
	if (known) return known;
	const value = toBinary(resource.schema, resource.message);
	const fresh: EncodedResource = {
		name: resource.name,
		version: createHash("sha256").update(value).digest("hex").slice(0, 16),
		any: create(AnySchema, { typeUrl: typeUrlOf(resource.schema.typeName), value }),
		needsEndpoints: endpointsOfCluster(resource),
	};
	encoded.set(resource.message, fresh);
	return fresh;
}

function endpointsOfCluster({ name, schema, message }: XdsResource): string | undefined {
	if (schema.typeName !== ClusterSchema.typeName) return undefined;
	const { edsClusterConfig } = message as { edsClusterConfig?: { serviceName: string } };
	return edsClusterConfig && (edsClusterConfig.serviceName || name);
}
