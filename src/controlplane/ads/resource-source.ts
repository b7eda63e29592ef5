import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Problem } from "../../lib/problem.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";

/** One resource to send. A message that keeps its identity is encoded once, however many proxies get it. */
export interface XdsResource {
	readonly name: string;
	readonly schema: DescMessage;
	readonly message: Message;
}

/** Where resources come from; the server knows nothing of what they mean. */
export interface ResourceSource {
	/** Why a node gets nothing; its stream is ended with this. */
	refusal(node: Node): Problem | undefined;
	/** All resources of a type that is subscribed to as a whole, else those of the names that exist. */
	generate(node: Node, typeUrl: string, names: ReadonlySet<string>): readonly XdsResource[];
}
