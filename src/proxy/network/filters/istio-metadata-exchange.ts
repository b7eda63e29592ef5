import type { StatScope } from "../../../telemetry/metric-registry.ts";
import { protocolOf } from "../../cluster/compile/upstream-filters.ts";
import { DOWNSTREAM_PEER } from "../../filter/filter-state-keys.ts";
import { encodePreamble, PreambleReader } from "../../filter/metadata-exchange/peer-preamble.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";

/** A peer that has agreed and says nothing is one that knows no preambles. */
const WAIT_MS = 10_000;

/**
 * Istio's exchange of workload metadata at the beginning of a TCP connection (`istio.metadata_exchange`): where the handshake agreed on its
 * protocol both sides begin with who they are, which the application must not see.
 */
export function istioMetadataExchangeFactory({ node, metrics, deadlines }: NetworkFilterDeps): NetworkFilterFactory {
	const preamble = encodePreamble(node);
	return {
		typeUrl: "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange",
		parse(config, _path, name) {
			const shared = { protocol: protocolOf(config), preamble, deadlines, stats: exchangeStats(metrics.scope(PREFIX)) };
			return { name, create: () => new PeerExchange(shared) };
		},
	};
}

const PREFIX = "metadata_exchange.";

interface Shared {
	readonly protocol: string;
	readonly preamble: Uint8Array;
	readonly deadlines: Deadlines;
	readonly stats: ReturnType<typeof exchangeStats>;
}

function exchangeStats(scope: StatScope) {
	return {
		found: scope.counter("alpn_protocol_found"),
		notFound: scope.counter("alpn_protocol_not_found"),
		added: scope.counter("metadata_added"),
		noHead: scope.counter("initial_header_not_found"),
		noMetadata: scope.counter("header_not_found"),
	};
}

class PeerExchange implements NetworkFilter {
	readonly #shared: Shared;
	readonly #reader = new PreambleReader();
	readonly #timer = new Timer({ onTimer: () => this.#goOn(this.#reader.pending) });
	#on: NetworkConnection | undefined = undefined;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	/** Ours goes first: a peer whose application waits for this side to speak answers it. */
	onNewConnection(on: NetworkConnection): "continue" | "stop" {
		const { protocol, preamble, stats, deadlines } = this.#shared;
		if (protocol === "" || on.connection.tls?.alpn !== protocol) {
			stats.notFound.inc();
			return "continue";
		}
		stats.found.inc();
		this.#on = on;
		on.socket.write(preamble);
		stats.added.inc();
		deadlines.arm(this.#timer, WAIT_MS);
		on.socket.on("readable", this.#onReadable);
		on.socket.on("end", this.#onEnd);
		return "stop";
	}

	onClose(): void {
		this.#timer.cancel();
	}

	readonly #onReadable = (): void => {
		const chunk = this.#on?.socket.read() as Buffer | null | undefined;
		if (!chunk) return;
		const { stats } = this.#shared;
		const reading = this.#reader.feed(chunk);
		if (!reading) return;
		if (reading.outcome === "none") stats.noHead.inc();
		else if (reading.outcome === "broken") stats.noMetadata.inc();
		if (reading.peer) this.#on!.connection.filterState.set(DOWNSTREAM_PEER, reading.peer);
		this.#goOn(reading.rest);
	};

	/** A peer that ends before it has said who it is wants nothing. */
	readonly #onEnd = (): void => this.#on?.close("");

	#goOn(rest: Uint8Array): void {
		this.#timer.cancel();
		const { socket } = this.#on!;
		socket.off("readable", this.#onReadable);
		socket.off("end", this.#onEnd);
		socket.pause();
		if (rest.length > 0) socket.unshift(Buffer.from(rest));
		this.#on!.resume();
	}
}
