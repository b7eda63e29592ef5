import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteAction_HashPolicySchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { ConsistentHash } from "../../model/destination-rule.ts";
import { optionalDuration } from "../duration.ts";

/** What a route hashes so that the destination's ring or table picks by it (istio-traffic-api.md 2.5). */
export function hashPolicy({ key }: ConsistentHash): MessageInitShape<typeof RouteAction_HashPolicySchema> {
	switch (key.kind) {
		case "header":
			return { policySpecifier: { case: "header", value: { headerName: key.name } } };
		case "query":
			return { policySpecifier: { case: "queryParameter", value: { name: key.name } } };
		case "sourceIp":
			return { policySpecifier: { case: "connectionProperties", value: { sourceIp: true } } };
		case "cookie":
			return {
				policySpecifier: {
					case: "cookie",
					value: {
						name: key.name,
						path: key.path,
						ttl: optionalDuration(key.ttlMs),
						attributes: key.attributes.map(({ name, value }) => ({ name, value })),
					},
				},
			};
	}
}
