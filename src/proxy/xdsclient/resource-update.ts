import { fromBinary, type Message } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { type Problem, problem } from "../../lib/problem.ts";
import { ResourceSchema } from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { RESOURCE_TYPES, type ResourceType, typeNameOf } from "../../xds/type-urls.ts";

/** One resource of a response, decoded. */
export interface IncomingResource {
	readonly name: string;
	readonly version: string;
	/** As it came: for the configuration dump. */
	readonly any: Any;
	readonly message: Message;
}

/** What one response changes. */
export interface ResourceUpdate {
	readonly type: ResourceType;
	readonly added: readonly IncomingResource[];
	readonly removed: readonly string[];
	/** Of the response as a whole. */
	readonly version?: string;
	/** Names that the response answers, those of resources and their aliases; of virtual hosts, which requests may wait for. */
	readonly answered?: readonly string[];
	/** Virtual hosts: the route configuration that they belong to. */
	readonly owner?: string;
}

export interface UpdateResult {
	/** All that is wrong, paths beginning with the resource's name; empty = ACK. */
	readonly problems: readonly Problem[];
	/** Resources that were not taken: the last good ones stay. */
	readonly rejected: ReadonlySet<string>;
}

/** Takes configuration; the good resources of a response are taken even when others are not (as Envoy does). */
export interface ResourceHandler {
	apply(update: ResourceUpdate): UpdateResult;
}

const TYPE_OF_URL = new Map(Object.entries(RESOURCE_TYPES).map(([type, url]) => [url, type as ResourceType]));

export function resourceTypeOf(typeUrl: string): ResourceType | undefined {
	return TYPE_OF_URL.get(typeUrl);
}

/** The resource's own name: `cluster_name` of endpoints, `name` of all others. */
export function resourceNameOf(type: ResourceType, message: Message): string {
	const named = message as Message & { readonly name?: string; readonly clusterName?: string };
	return (type === "endpoint" ? named.clusterName : named.name) ?? "";
}

/** Decodes a resource that must be of `type`; an unreadable or foreign one is a problem. */
export function decodeResource(
	type: ResourceType,
	any: Any,
	version: string,
	at: string,
): IncomingResource | { readonly problem: Problem } {
	const wrapped =
		typeNameOf(any.typeUrl) === ResourceSchema.typeName ? fromBinary(ResourceSchema, any.value) : undefined;
	const inner = wrapped?.resource ?? any;
	if (inner.typeUrl !== RESOURCE_TYPES[type])
		return {
			problem: problem("LTN3601", at, `the resource is of type "${inner.typeUrl}", not ${RESOURCE_TYPES[type]}`),
		};
	try {
		const message = anyUnpack(inner, xdsRegistry());
		if (!message) return { problem: problem("LTN3601", at, `the type "${inner.typeUrl}" is unknown`) };
		return { name: resourceNameOf(type, message), version: wrapped?.version || version, any: inner, message };
	} catch (error) {
		return { problem: problem("LTN3602", at, `the resource cannot be decoded (${(error as Error).message})`) };
	}
}
