import { type Problem, problem } from "../../lib/problem.ts";
import { extensionTypeUrl } from "../../xds/any.ts";
import type { Filter } from "../../xds/generated/envoy/config/cluster/v3/filter_pb.ts";

const METADATA_EXCHANGE = "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange";

/**
 * Checks the network filters on a cluster's connections. Istio's metadata exchange, which it puts on every cluster, is the one that is
 * taken: a peer that is not told who this workload is knows it by its certificate.
 */
export function checkUpstreamFilters(filters: readonly Filter[], at: string, problems: Problem[]): void {
	for (const [i, { name, typedConfig }] of filters.entries()) {
		const type = typedConfig ? extensionTypeUrl(typedConfig) : "";
		if (type === METADATA_EXCHANGE) continue;
		const what = `the upstream network filter ${type || name} is not implemented by this proxy`;
		problems.push(problem("LTN3263", `${at}filters[${i}]`, what, "remove the filter"));
	}
}
