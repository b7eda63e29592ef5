import { clone, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import { type Listener, ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { compileConnectionMatcher } from "../../network/connection-matcher.ts";
import { type BindAddress, type FilterChainConfig, formatAddress, type ListenerConfig } from "../listener-config.ts";
import { ChainIndex } from "../match/chain-index.ts";
import { parseChainMatch } from "../match/parse-chain-match.ts";
import { invalid, missing, notImplemented } from "./listener-problems.ts";
import { parseAddress, parseKeepAlive } from "./parse-address.ts";
import { type ChainParsing, collect, parseFilterChain } from "./parse-filter-chain.ts";
import { type ListenerFilterDeps, parseListenerFilters } from "./parse-listener-filters.ts";

const DEFAULT_BUFFER_LIMIT_BYTES = 1024 * 1024;
const DEFAULT_FILTERS_TIMEOUT_MS = 15_000;

export interface ListenerParsing extends ChainParsing, ListenerFilterDeps {}

/** Reads and checks a listener; throws ProblemError (LTN31xx) with every path below `path`. */
export function parseListener(message: Listener, path: string, parsing: ListenerParsing): ListenerConfig {
	const at = fieldPath(path);
	const problems: Problem[] = [];
	checkKind(message, at, problems);
	const addresses = parseAddresses(message, at, problems);
	const listenerFilters = parseListenerFilters(message, at, parsing, problems);
	const chains = parseChains(message, at, parsing, problems);
	if (problems.length > 0) throw new ProblemError(problems);
	const { listenerFiltersTimeout: timeout } = message;
	return {
		name: message.name === "" ? formatAddress(addresses[0]!) : message.name,
		addresses,
		shown: { name: message.name, metadata: message.metadata?.filterMetadata ?? {} },
		bindToPort: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
		useOriginalDst: message.useOriginalDst ?? false,
		// Workers share a port by this option; one process alone keeps it for itself, so that a second one is told.
		reusePort: message.enableReusePort ?? false,
		backlog: message.tcpBacklogSize,
		keepAlive: parseKeepAlive(message.tcpKeepalive),
		statPrefix: message.statPrefix || formatAddress(addresses[0]!).replaceAll(":", "_"),
		...chains,
		listenerFilters,
		listenerFiltersTimeoutMs: timeout ? durationMs(timeout) : DEFAULT_FILTERS_TIMEOUT_MS,
		continueOnTimeout: message.continueOnListenerFiltersTimeout,
		perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_LIMIT_BYTES,
		ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit,
		bypassesOverloadManager: message.bypassOverloadManager,
		accessLogs: message.accessLog,
		fingerprint: fingerprint(message),
	};
}

function checkKind(message: Listener, at: FieldPath, problems: Problem[]): void {
	if (message.transparent)
		problems.push(
			notImplemented(at.field("transparent"), "accepting connections to addresses of others (IP_TRANSPARENT)"),
		);
	if (message.freebind)
		problems.push(notImplemented(at.field("freebind"), "binding addresses that are not there (IP_FREEBIND)"));
	if (message.maxConnectionsToAcceptPerSocketEvent === 0)
		problems.push(invalid(at.field("max_connections_to_accept_per_socket_event"), "it is 0", "set at least 1"));
}

function parseAddresses(message: Listener, at: FieldPath, problems: Problem[]): BindAddress[] {
	const all = [parseAddress(message.address, at.field("address"), problems)];
	for (const [i, { address }] of message.additionalAddresses.entries())
		all.push(parseAddress(address, at.field("additional_addresses").index(i).field("address"), problems));
	return all.filter((address) => address !== undefined);
}

function parseChains(
	message: Listener,
	at: FieldPath,
	parsing: ListenerParsing,
	problems: Problem[],
): Pick<ListenerConfig, "chains" | "pickChain"> {
	const listAt = at.field("filter_chains");
	const parsed = message.filterChains.map((chain, i) => parseFilterChain(chain, listAt.index(i), parsing, problems));
	const { defaultFilterChain } = message;
	const fallback =
		defaultFilterChain && parseFilterChain(defaultFilterChain, at.field("default_filter_chain"), parsing, problems);
	if (message.filterChains.length === 0 && !defaultFilterChain)
		problems.push(missing(listAt, "the listener has no filter chain", "add one"));
	const chains = [...parsed, fallback].filter((chain) => chain !== undefined);
	const pick = message.filterChainMatcher
		? pickByMatcher(message.filterChainMatcher, chains, at, problems)
		: pickByCriteria(message.filterChains, parsed, listAt, problems);
	return { chains, pickChain: (connection) => pick(connection) ?? fallback };
}

type PickChain = ListenerConfig["pickChain"];

function pickByCriteria(
	messages: Listener["filterChains"],
	chains: readonly (FilterChainConfig | undefined)[],
	at: FieldPath,
	problems: Problem[],
): PickChain {
	const index = new ChainIndex<FilterChainConfig>();
	for (const [i, { name, filterChainMatch }] of messages.entries()) {
		const where = at.index(i).field("filter_chain_match");
		// Criteria are compared even when the chain itself is broken.
		const chain = chains[i] ?? ({ name } as FilterChainConfig);
		if (!index.add(parseChainMatch(filterChainMatch, where, problems), chain)) problems.push(overlapping(where, name));
	}
	const [only] = chains;
	const asksForNothing = messages.length === 1 && !messages[0]!.filterChainMatch;
	return asksForNothing ? () => only : (connection) => index.pick(connection);
}

/** With a matcher, chains are known by their names, which it answers with; their own criteria do not count (as in Envoy). */
function pickByMatcher(
	matcher: NonNullable<Listener["filterChainMatcher"]>,
	chains: readonly FilterChainConfig[],
	at: FieldPath,
	problems: Problem[],
): PickChain {
	const byName = new Map<string, FilterChainConfig>();
	for (const [i, chain] of chains.entries()) {
		const where = at.field("filter_chains").index(i).field("name");
		if (chain.name === "") problems.push(missing(where, "a matcher needs a name for each filter chain"));
		else if (byName.has(chain.name))
			problems.push(invalid(where, `another filter chain is called "${chain.name}"`, "give each a name of its own"));
		byName.set(chain.name, chain);
	}
	const find = collect(problems, () => compileConnectionMatcher(matcher, at.field("filter_chain_matcher")));
	return (connection) => byName.get(find?.(connection, connection.offeredProtocols) ?? "");
}

function overlapping(at: FieldPath, chain: string): Problem {
	const text = `another filter chain takes connections that "${chain}" asks for, by the same criteria`;
	return invalid(at, text, "give each filter chain criteria of its own");
}

/** The listener without what may be exchanged in place (Envoy: filter chain only update). */
function fingerprint(message: Listener): string {
	const rest = clone(ListenerSchema, message);
	rest.filterChains = [];
	rest.defaultFilterChain = undefined;
	rest.filterChainMatcher = undefined;
	return Buffer.from(toBinary(ListenerSchema, rest)).toString("latin1");
}
