import { type IpAddress, type IpRange, IpRangeTable, ipRange, isLoopback, parseIp } from "../../../lib/ip-range.ts";

/** The criteria of one filter chain (Envoy: FilterChainMatch); an empty list or 0 or "" asks for nothing. */
export interface ChainMatch {
	readonly destinationPort: number;
	readonly destinationRanges: readonly IpRange[];
	/** Lower case; `*.example.com` stands for every name below. */
	readonly serverNames: readonly string[];
	readonly transportProtocol: string;
	readonly applicationProtocols: readonly string[];
	readonly directSourceRanges: readonly IpRange[];
	readonly sourceType: SourceType;
	readonly sourceRanges: readonly IpRange[];
	readonly sourcePorts: readonly number[];
}

export type SourceType = "any" | "local" | "external";

/** What is known of a connection when its filter chain is chosen. */
export interface MatchedConnection {
	/** "" on a Unix socket. */
	readonly localIp: string;
	readonly localPort: number;
	/** The direct peer. */
	readonly remoteIp: string;
	readonly sourceIp: string;
	readonly sourcePort: number;
	readonly requestedServerName: string | undefined;
	readonly transportProtocol: string;
	/** ALPN in the client's order, or what was found in plaintext. */
	readonly offeredProtocols: readonly string[];
}

type SourcePorts<C> = Map<number, C>;
type SourceTypes<C> = Record<SourceType, IpRangeTable<SourcePorts<C>> | undefined>;
type Protocols<C> = Map<string, IpRangeTable<SourceTypes<C>>>;
type Transports<C> = Map<string, Protocols<C>>;
type ServerNames<C> = Map<string, Transports<C>>;

const ANYWHERE: readonly IpRange[] = [ipRange("0.0.0.0", 0)!, ipRange("::", 0)!];
/** Stands for a Unix socket: only a chain that asks for no address takes it (as Envoy). */
const NOWHERE = parseIp("255.255.255.255")!;

/**
 * Filter chains by their criteria, in Envoy's order of precedence: each criterion narrows the choice for good, the most specific value first,
 * and there is no way back (a chain that asks for the connection's port hides those that ask for none).
 */
export class ChainIndex<C> {
	readonly #ports = new Map<number, IpRangeTable<ServerNames<C>>>();

	/** False when another chain has the same criteria already, in whole or for one value of each list. */
	add(match: ChainMatch, chain: C): boolean {
		let free = true;
		const names = match.serverNames.length > 0 ? match.serverNames : [""];
		const protocols = match.applicationProtocols.length > 0 ? match.applicationProtocols : [""];
		const ips = child(this.#ports, match.destinationPort, () => new IpRangeTable<ServerNames<C>>());
		for (const range of orAnywhere(match.destinationRanges)) {
			const byName = inTable(ips, range, () => new Map() as ServerNames<C>);
			for (const name of names) {
				const byTransport = child(byName, name.startsWith("*.") ? name.slice(1) : name, () => new Map());
				const byProtocol: Protocols<C> = child(byTransport, match.transportProtocol, () => new Map());
				for (const protocol of protocols) {
					const sources = child(byProtocol, protocol, () => new IpRangeTable<SourceTypes<C>>());
					if (!addSources(sources, match, chain)) free = false;
				}
			}
		}
		return free;
	}

	/** The chain that serves this connection; undefined: none asks for it. */
	pick(on: MatchedConnection): C | undefined {
		const ips = (on.localIp === "" ? undefined : this.#ports.get(on.localPort)) ?? this.#ports.get(0);
		const byTransport = pickName(ips?.longest(addressOf(on.localIp)), on.requestedServerName ?? "");
		const byProtocol = byTransport?.get(on.transportProtocol) ?? byTransport?.get("");
		const types = pickProtocol(byProtocol, on.offeredProtocols)?.longest(addressOf(on.remoteIp));
		if (!types) return undefined;
		const narrowed = types.local || types.external ? types[isLocal(on) ? "local" : "external"] : undefined;
		const ports = (narrowed ?? types.any)?.longest(addressOf(on.sourceIp));
		return ports?.get(on.sourcePort) ?? ports?.get(0);
	}
}

function addSources<C>(table: IpRangeTable<SourceTypes<C>>, match: ChainMatch, chain: C): boolean {
	let free = true;
	const ports = match.sourcePorts.length > 0 ? match.sourcePorts : [0];
	for (const direct of orAnywhere(match.directSourceRanges)) {
		const none: SourceTypes<C> = { any: undefined, local: undefined, external: undefined };
		const types = inTable(table, direct, () => none);
		types[match.sourceType] ??= new IpRangeTable<SourcePorts<C>>();
		for (const range of orAnywhere(match.sourceRanges)) {
			const byPort = inTable(types[match.sourceType]!, range, () => new Map() as SourcePorts<C>);
			for (const port of ports) {
				if (byPort.has(port)) free = false;
				else byPort.set(port, chain);
			}
		}
	}
	return free;
}

function pickName<C>(names: ServerNames<C> | undefined, name: string): Transports<C> | undefined {
	if (!names) return undefined;
	const exact = names.get(name);
	if (exact) return exact;
	for (let dot = name.indexOf(".", 1); dot > 0 && dot < name.length - 1; dot = name.indexOf(".", dot + 1)) {
		const below = names.get(name.slice(dot));
		if (below) return below;
	}
	return names.get("");
}

function pickProtocol<C>(
	protocols: Protocols<C> | undefined,
	offered: readonly string[],
): IpRangeTable<SourceTypes<C>> | undefined {
	if (!protocols) return undefined;
	for (const protocol of offered) {
		const found = protocols.get(protocol);
		if (found) return found;
	}
	return protocols.get("");
}

/** Same machine: a Unix socket, a loopback address, or both ends with one address. */
function isLocal({ sourceIp, localIp }: MatchedConnection): boolean {
	const source = parseIp(sourceIp);
	return source === undefined || isLoopback(source) || sourceIp === localIp;
}

function orAnywhere(ranges: readonly IpRange[]): readonly IpRange[] {
	return ranges.length > 0 ? ranges : ANYWHERE;
}

function addressOf(ip: string): IpAddress {
	return parseIp(ip) ?? NOWHERE;
}

function child<K, V>(map: Map<K, V>, key: K, make: () => V): V {
	let value = map.get(key);
	if (value === undefined) {
		value = make();
		map.set(key, value);
	}
	return value;
}

function inTable<V>(table: IpRangeTable<V>, range: IpRange, make: () => V): V {
	let value = table.get(range);
	if (value === undefined) {
		value = make();
		table.set(range, value);
	}
	return value;
}
