import type { FieldPath } from "../../../lib/field-path.ts";
import type { VirtualCluster } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RequestHead } from "../../http/message.ts";
import type { ProblemList } from "../problem-list.ts";
import { compileHeaderMatcher, testRequestHeader } from "./header-matcher.ts";

/** The name under which a request is counted; requests that no virtual cluster takes are `other`. */
export type VirtualClusterOf = (request: RequestHead) => string;

/** Where requests are counted that no virtual cluster takes; logs have no name for it. */
export const OTHER = "other";

/** Compiles a virtual host's `virtual_clusters`; undefined: it has none. */
export function compileVirtualClusters(
	messages: readonly VirtualCluster[],
	at: FieldPath,
	problems: ProblemList,
): VirtualClusterOf | undefined {
	if (messages.length === 0) return undefined;
	const entries = messages.map(({ name, headers }, i) => {
		const here = at.index(i);
		if (name === "") problems.add("missing", here.field("name"), "the virtual cluster has no name");
		if (headers.length === 0) problems.add("missing", here.field("headers"), "the virtual cluster matches no header");
		return { name, tests: headers.map((h, k) => compileHeaderMatcher(h, here.field("headers").index(k), problems)) };
	});
	return (request) =>
		entries.find(({ tests }) => tests.every((test) => testRequestHeader(test, request)))?.name ?? OTHER;
}
