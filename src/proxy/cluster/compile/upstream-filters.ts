import { fromBinary } from "@bufbuild/protobuf";
import { type Problem, problem } from "../../../lib/problem.ts";
import { extensionTypeUrl, unpackAs } from "../../../xds/any.ts";
import type { Filter } from "../../../xds/generated/envoy/config/cluster/v3/filter_pb.ts";
import { MetadataExchangeSchema } from "../../../xds/generated/envoy/config/filter/network/metadata_exchange/metadata_exchange_pb.ts";
import { TypedStructSchema as UdpaTypedStructSchema } from "../../../xds/generated/udpa/type/v1/typed_struct_pb.ts";
import { TypedStructSchema } from "../../../xds/generated/xds/type/v3/typed_struct_pb.ts";

const METADATA_EXCHANGE = "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange";

/**
 * Reads the network filters on a cluster's connections. Istio's metadata exchange, which it puts on every cluster, is the one that there
 * is: the answer is the application protocol by which it is agreed on; undefined without one.
 */
export function compileUpstreamFilters(
	filters: readonly Filter[],
	at: string,
	problems: Problem[],
): string | undefined {
	let protocol: string | undefined;
	for (const [i, { name, typedConfig }] of filters.entries()) {
		const type = typedConfig ? extensionTypeUrl(typedConfig) : "";
		if (typedConfig && type === METADATA_EXCHANGE) protocol = protocolOf(typedConfig);
		else {
			const what = `the upstream network filter ${type || name} is not implemented by this proxy`;
			problems.push(problem("LTN3263", `${at}filters[${i}]`, what, "remove the filter"));
		}
	}
	return protocol || undefined;
}

/** Istio wraps its own filters' configuration. */
export function protocolOf(config: NonNullable<Filter["typedConfig"]>): string {
	const struct = unpackAs(config, UdpaTypedStructSchema) ?? unpackAs(config, TypedStructSchema);
	if (!struct) return fromBinary(MetadataExchangeSchema, config.value).protocol;
	const protocol = struct.value?.protocol;
	return typeof protocol === "string" ? protocol : "";
}
