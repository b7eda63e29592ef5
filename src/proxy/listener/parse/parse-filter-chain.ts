import { toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import { extensionTypeUrl, unpackAs } from "../../../xds/any.ts";
import type { TransportSocket } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type Filter,
	type FilterChain,
	FilterChainSchema,
} from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import { ConfigSchema as DirectResponseSchema } from "../../../xds/generated/envoy/extensions/filters/network/direct_response/v3/config_pb.ts";
import { EchoSchema } from "../../../xds/generated/envoy/extensions/filters/network/echo/v3/echo_pb.ts";
import { HttpConnectionManagerSchema } from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { TcpProxySchema } from "../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import { type HttpFilterFactories, parseHcm } from "../../hcm/parse-hcm.ts";
import type { NetworkFilterConfig, NetworkFilterFactory } from "../../network/network-filter.ts";
import { parseTcpProxy, type TcpFormatEnvironment } from "../../network/tcp-proxy/parse-tcp-proxy.ts";
import { compileDirectResponse } from "../../network/terminal/direct-response.ts";
import { ECHO } from "../../network/terminal/echo.ts";
import type { DownstreamTransport } from "../downstream-transport.ts";
import type { FilterChainConfig, TerminalConfig } from "../listener-config.ts";
import { invalid, missing, notImplemented } from "./listener-problems.ts";

/** How the parts of a filter chain are read. */
export interface ChainParsing {
	/** All HTTP filters that there are, counting under a connection manager's stat prefix. */
	httpFilters(statPrefix: string): HttpFilterFactories;
	/** What format strings of tcp_proxy are filled with. */
	readonly env: TcpFormatEnvironment;
	/** What the listener is for (`traffic_direction`). */
	readonly direction: "inbound" | "outbound";
	readonly networkFilters: readonly NetworkFilterFactory[];
	/** A transport socket that is not raw_buffer; throws ProblemError. */
	transport(message: TransportSocket, path: string): DownstreamTransport;
}

interface Parsing extends ChainParsing {
	readonly problems: Problem[];
}

/** Reads one filter chain; undefined after a problem. */
export function parseFilterChain(
	message: FilterChain,
	at: FieldPath,
	parsing: ChainParsing,
	problems: Problem[],
): FilterChainConfig | undefined {
	const on: Parsing = { ...parsing, problems };
	const transport = parseTransport(message.transportSocket, at.field("transport_socket"), on);
	const chain = parseFilters(message.filters, at.field("filters"), on);
	if (!chain) return undefined;
	const { transportSocketConnectTimeout: timeout } = message;
	return {
		name: message.name,
		key: Buffer.from(toBinary(FilterChainSchema, message)).toString("latin1"),
		metadata: message.metadata?.filterMetadata ?? {},
		transport,
		transportConnectTimeoutMs: timeout ? durationMs(timeout) : 0,
		...chain,
	};
}

const RAW_BUFFER = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";

function parseTransport(
	message: TransportSocket | undefined,
	at: FieldPath,
	on: Parsing,
): DownstreamTransport | undefined {
	if (!message) return undefined;
	const { configType } = message;
	if (configType.case === "typedConfig" && typeNameOf(configType.value.typeUrl) === RAW_BUFFER) return undefined;
	return collect(on.problems, () => on.transport(message, at.toString()));
}

function parseFilters(
	messages: readonly Filter[],
	at: FieldPath,
	on: Parsing,
): Pick<FilterChainConfig, "filters" | "terminal"> | undefined {
	const filters: NetworkFilterConfig[] = [];
	let terminal: TerminalConfig | undefined;
	for (const [i, message] of messages.entries()) {
		const last = i === messages.length - 1;
		const parsed = parseFilter(message, at.index(i), on);
		if (!parsed) continue;
		const ends = "kind" in parsed;
		if (ends !== last) on.problems.push(misplaced(at.index(i), message.name, ends));
		else if (ends) terminal = parsed;
		else filters.push(parsed);
	}
	if (messages.length === 0) on.problems.push(missing(at, "the filter chain has no filter", "add one"));
	return terminal && { filters, terminal };
}

function misplaced(at: FieldPath, name: string, terminal: boolean): Problem {
	return terminal
		? invalid(at, `the terminal filter "${name}" is not the last of its chain`, "move it to the end")
		: invalid(
				at,
				`the last filter of the chain, "${name}", is no terminal filter`,
				"end with tcp_proxy or the HTTP connection manager",
			);
}

function parseFilter(message: Filter, at: FieldPath, on: Parsing): NetworkFilterConfig | TerminalConfig | undefined {
	const { configType } = message;
	const where = at.field("typed_config");
	if (configType.case !== "typedConfig") {
		on.problems.push(missing(where));
		return undefined;
	}
	const http = unpackAs(configType.value, HttpConnectionManagerSchema);
	const tcp = unpackAs(configType.value, TcpProxySchema);
	return collect(on.problems, () => {
		if (http) return { kind: "http", hcm: parseHcm(http, where.toString(), on.httpFilters(http.statPrefix)) };
		if (tcp) return { kind: "tcp", tcp: parseTcpProxy(tcp, where, on.env) };
		const direct = unpackAs(configType.value, DirectResponseSchema);
		if (direct) return { kind: "plain", plain: compileDirectResponse(direct, where.toString(), on.env.environment) };
		if (unpackAs(configType.value, EchoSchema)) return { kind: "plain", plain: ECHO };
		const type = extensionTypeUrl(configType.value);
		const factory = on.networkFilters.find(({ typeUrl }) => typeUrl === type);
		if (factory) return factory.parse(configType.value, where.toString(), message.name, on.direction);
		throw new ProblemError([notImplemented(where, `the network filter ${type}`, "remove the filter")]);
	});
}

/** The result, or undefined with the problems that were thrown. */
export function collect<T>(problems: Problem[], parse: () => T): T | undefined {
	try {
		return parse();
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems);
		return undefined;
	}
}
