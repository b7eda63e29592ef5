import { clone, create } from "@bufbuild/protobuf";
import { VERSION } from "../../../lib/names.ts";
import { ExtensionSchema, type Node, NodeSchema } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { DataPlane } from "../data-plane.ts";

/** Who this proxy is to a control plane: the bootstrap's node, with what it runs and can do. */
export function nodeIdentity(given: Node | undefined, extensions: DataPlane<unknown>["extensions"]): Node {
	const node = given ? clone(NodeSchema, given) : create(NodeSchema);
	node.userAgentName = "lateen";
	node.userAgentVersionType = { case: "userAgentVersion", value: VERSION };
	node.extensions = extensions.map((extension) =>
		create(ExtensionSchema, { ...extension, typeUrls: [...extension.typeUrls] }),
	);
	return node;
}
