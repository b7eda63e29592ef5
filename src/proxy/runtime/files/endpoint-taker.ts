import type { Problem } from "../../../lib/problem.ts";
import type { ClusterLoadAssignment } from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type EndpointSet, parseLoadAssignment } from "../../cluster/compile/endpoint-config.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";

/** Takes one cluster's endpoints out of a file that may hold those of several. */
export function endpointTaker(name: string, onEndpoints: (set: EndpointSet) => void): ResourceHandler {
	return {
		apply({ added }) {
			const own = added.find((resource) => resource.name === name);
			if (!own) return { problems: [], rejected: new Set() };
			const problems: Problem[] = [];
			const endpoints = parseLoadAssignment(own.message as ClusterLoadAssignment, name, { problems, names: false });
			if (problems.length === 0) onEndpoints(endpoints);
			return { problems, rejected: new Set(problems.length > 0 ? [name] : []) };
		},
	};
}
