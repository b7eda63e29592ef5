import { durationMs } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Filter, FilterChain } from "../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { HttpConnectionManagerSchema } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
	type TcpProxy,
	TcpProxySchema,
} from "../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import type { SupportedFields } from "../../xds/supported.ts";
import { typeUrlOf } from "../../xds/type-urls.ts";
import { type HttpFilterFactories, parseHcm } from "../hcm/parse-hcm.ts";
import type { ListenerChain, ListenerConfig } from "./listener-config.ts";
import type { TcpProxyConfig } from "./tcp-proxy.ts";

const TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

/** Fields of listeners and network filters that are obeyed (docs/contracts.md); the connection manager has its own table. */
export const SUPPORTED: SupportedFields = {
	"envoy.config.listener.v3.Listener": [
		"name",
		"address",
		"filter_chains",
		"default_filter_chain",
		"per_connection_buffer_limit_bytes",
		// Data about the listener for people and stats; nothing to obey.
		"metadata",
		"traffic_direction",
		"enable_reuse_port",
	],
	"envoy.config.listener.v3.FilterChain": ["name", "filters", "metadata"],
	"envoy.config.listener.v3.Filter": ["name", "typed_config"],
	"envoy.config.core.v3.Address": ["socket_address"],
	"envoy.config.core.v3.SocketAddress": ["address", "port_value", "protocol"],
	"envoy.config.core.v3.Metadata": "*",
	[TCP_PROXY]: ["stat_prefix", "cluster", "weighted_clusters", "idle_timeout", "max_connect_attempts", "access_log"],
	[`${TCP_PROXY}.WeightedCluster`]: ["clusters"],
	[`${TCP_PROXY}.WeightedCluster.ClusterWeight`]: ["name", "weight"],
};

const DEFAULT_BUFFER_LIMIT_BYTES = 1024 * 1024;
/** Envoy: an hour without a byte. */
const DEFAULT_TCP_IDLE_MS = 3_600_000;

/** Reads and checks a listener; throws ProblemError (LTN31xx) with every path below `path`. */
export function parseListener(message: Listener, path: string, factories: HttpFilterFactories): ListenerConfig {
	const at = fieldPath(path);
	const problems: Problem[] = [];
	const bind = parseAddress(message, at.field("address"), problems);
	const chain = parseOnlyChain(message, at, { factories, problems });
	if (problems.length > 0 || !chain || !bind) throw new ProblemError(problems);
	return {
		name: message.name === "" ? `${bind.address}_${bind.port}` : message.name,
		...bind,
		// Workers share a port by this option; one process alone keeps it for itself, so that a second one is told.
		reusePort: message.enableReusePort ?? false,
		chain,
		perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_LIMIT_BYTES,
	};
}

interface Parsing {
	readonly factories: HttpFilterFactories;
	readonly problems: Problem[];
}

function parseAddress({ address }: Listener, at: FieldPath, problems: Problem[]) {
	const socket = address?.address.case === "socketAddress" ? address.address.value : undefined;
	if (!socket) {
		problems.push(problem("LTN3113", at.field("socket_address").toString(), "the field is required", "set it"));
		return undefined;
	}
	if (socket.portSpecifier.case !== "portValue") {
		const where = at.field("socket_address").field("port_value");
		problems.push(problem("LTN3113", where.toString(), "the field is required", "set it"));
		return undefined;
	}
	return { address: socket.address, port: socket.portSpecifier.value };
}

/** One chain without match criteria serves every connection; choosing among several is not there yet and refused. */
function parseOnlyChain(message: Listener, at: FieldPath, into: Parsing): ListenerChain | undefined {
	const chains = message.filterChains.map((chain, i) => [chain, at.field("filter_chains").index(i)] as const);
	if (message.defaultFilterChain) chains.push([message.defaultFilterChain, at.field("default_filter_chain")]);
	const [first, second] = chains;
	if (!first) {
		const where = at.field("filter_chains").toString();
		into.problems.push(problem("LTN3113", where, "the listener has no filter chain", "add one"));
		return undefined;
	}
	if (second) {
		const message = "choosing among several filter chains is not implemented by this proxy";
		into.problems.push(problem("LTN3111", second[1].toString(), message, "keep one filter chain"));
	}
	return parseChain(first[0], first[1], into);
}

function parseChain(chain: FilterChain, at: FieldPath, into: Parsing): ListenerChain | undefined {
	const [filter, extra] = chain.filters;
	if (!filter) {
		const where = at.field("filters").toString();
		into.problems.push(problem("LTN3113", where, "the filter chain has no filter", "add one"));
		return undefined;
	}
	if (extra) {
		const where = at.field("filters").index(1).toString();
		const text = "a filter behind the connection manager or tcp_proxy is not implemented by this proxy";
		into.problems.push(problem("LTN3111", where, text, "remove the filter"));
	}
	return parseFilter(filter, at.field("filters").index(0).field("typed_config"), into);
}

function parseFilter(filter: Filter, at: FieldPath, into: Parsing): ListenerChain | undefined {
	const config = filter.configType.case === "typedConfig" ? filter.configType.value : undefined;
	const http = unpackAs(config, HttpConnectionManagerSchema);
	const tcp = unpackAs(config, TcpProxySchema);
	try {
		if (http) return { kind: "http", hcm: parseHcm(http, at.toString(), into.factories) };
		if (tcp) return { kind: "tcp", tcp: parseTcpProxy(tcp, at) };
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		into.problems.push(...error.problems);
		return undefined;
	}
	const known = [HttpConnectionManagerSchema, TcpProxySchema].map(({ typeName }) => typeUrlOf(typeName)).join(" or ");
	const text = `the network filter ${config?.typeUrl ?? "without typed_config"} is not implemented by this proxy`;
	into.problems.push(problem("LTN3111", at.toString(), text, `use ${known}`));
	return undefined;
}

function parseTcpProxy(message: TcpProxy, at: FieldPath): TcpProxyConfig {
	const { clusterSpecifier: target } = message;
	const clusters =
		target.case === "weightedClusters"
			? target.value.clusters.map(({ name, weight }) => ({ name, weight }))
			: [{ name: target.case === "cluster" ? target.value : "", weight: 1 }];
	if (clusters.length === 0 || clusters.some(({ name }) => name === ""))
		throw new ProblemError([problem("LTN3113", at.field("cluster").toString(), "a cluster is required", "name one")]);
	return {
		statPrefix: message.statPrefix,
		clusters,
		idleTimeoutMs: message.idleTimeout ? durationMs(message.idleTimeout) : DEFAULT_TCP_IDLE_MS,
		maxConnectAttempts: message.maxConnectAttempts ?? 1,
		accessLogs: message.accessLog,
	};
}
