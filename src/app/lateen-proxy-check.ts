import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { ProxyCheck } from "../controlplane/translate/proxy-check.ts";
import { type Problem, ProblemError } from "../lib/problem.ts";
import { readingCompilers } from "../proxy/runtime/reading-path.ts";
import { ClusterSchema } from "../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { type Route, RouteSchema } from "../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RouteConfigurationSchema } from "../xds/generated/envoy/config/route/v3/route_pb.ts";
import { findUnsupported } from "../xds/supported.ts";

/** What Lateen's own proxy of this version refuses: asks the very code that the proxy reads its configuration with. */
export function lateenProxyCheck(): ProxyCheck {
	const compilers = readingCompilers();
	const refusals = (schema: DescMessage, message: Message, compile: () => unknown): readonly Problem[] => {
		const unsupported = findUnsupported(schema, message, compilers.supported);
		return unsupported.length > 0 ? unsupported : problemsOf(compile);
	};
	return {
		userAgent: "lateen",
		route: (route) => refusals(RouteSchema, route, () => compilers.routes(tableOf(route), "")),
		cluster: (cluster) => refusals(ClusterSchema, cluster, () => compilers.cluster(cluster, "")),
	};
}

function problemsOf(compile: () => unknown): readonly Problem[] {
	try {
		compile();
		return [];
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		return error.problems.map((p) => ({ ...p, path: p.path.replace(ONLY_ROUTE, "") }));
	}
}

const ONLY_ROUTE = /^\.?virtual_hosts\[0\]\.routes\[0\]\.?/;

/** Routes are read as part of a table. */
function tableOf(route: Route) {
	return create(RouteConfigurationSchema, {
		name: "check",
		virtualHosts: [{ name: "check", domains: ["*"], routes: [route] }],
	});
}
