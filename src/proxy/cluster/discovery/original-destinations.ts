import type { Clock } from "../../../lib/clock.ts";
import { type EndpointConfig, type EndpointSet, NO_ENDPOINTS, PLAIN_ENDPOINT } from "../compile/endpoint-config.ts";
import { hostAddress, isIpAddress } from "../ip-address.ts";

/** More destinations than this at a time are not kept: the one that was unused for longest makes room. */
const MAX_DESTINATIONS = 1024;
const HTTP_PORT = 80;

interface Known {
	readonly endpoint: EndpointConfig;
	usedMs: number;
}

/**
 * The endpoints of an ORIGINAL_DST cluster: those that requests asked for lately. They come with the first request and go when none
 * has asked for a while (Envoy: `cleanup_interval`).
 */
export class OriginalDestinations {
	readonly #clock: Clock;
	readonly #cleanupMs: number;
	readonly #portOverride: number | undefined;
	readonly #onChange: (endpoints: EndpointSet) => void;
	readonly #known = new Map<string, Known>();
	#cancelCleanup: (() => void) | undefined = undefined;

	constructor(
		clock: Clock,
		config: { readonly cleanupMs: number; readonly portOverride: number | undefined },
		onChange: (endpoints: EndpointSet) => void,
	) {
		this.#clock = clock;
		this.#cleanupMs = config.cleanupMs;
		this.#portOverride = config.portOverride;
		this.#onChange = onChange;
	}

	/** `ip:port` as hosts are keyed, for what a request names as its destination; undefined when that is no IP address. */
	use(destination: string): string | undefined {
		const named = parseDestination(destination);
		if (!named) return undefined;
		const place = this.#portOverride === undefined ? named : { ...named, port: this.#portOverride };
		const address = hostAddress(place.host, place.port);
		const known = this.#known.get(address);
		if (known) known.usedMs = this.#clock.nowMs();
		else this.#add(address, place);
		return address;
	}

	close(): void {
		this.#cancelCleanup?.();
		this.#cancelCleanup = undefined;
	}

	#add(address: string, place: Place): void {
		if (this.#known.size >= MAX_DESTINATIONS) this.#dropOldest();
		this.#known.set(address, { endpoint: { ...PLAIN_ENDPOINT, ...place }, usedMs: this.#clock.nowMs() });
		this.#tell();
		this.#cancelCleanup ??= this.#clock.after(this.#cleanupMs, () => this.#cleanUp());
	}

	#dropOldest(): void {
		const [oldest] = [...this.#known].reduce((a, b) => (b[1].usedMs < a[1].usedMs ? b : a));
		this.#known.delete(oldest);
	}

	#cleanUp(): void {
		this.#cancelCleanup = undefined;
		const before = this.#known.size;
		const unusedSinceMs = this.#clock.nowMs() - this.#cleanupMs;
		for (const [address, { usedMs }] of this.#known) if (usedMs <= unusedSinceMs) this.#known.delete(address);
		if (this.#known.size < before) this.#tell();
		if (this.#known.size > 0) this.#cancelCleanup = this.#clock.after(this.#cleanupMs, () => this.#cleanUp());
	}

	#tell(): void {
		const endpoints = [...this.#known.values()].map(({ endpoint }) => endpoint);
		this.#onChange({ ...NO_ENDPOINTS, endpoints });
	}
}

type Place = Pick<EndpointConfig, "host" | "port">;

/** `ip`, `ip:port` or `[ip]:port`; Host fields leave the port out when it is HTTP's own. */
function parseDestination(text: string): Place | undefined {
	const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
	const host = v6 ?? v4;
	const port = digits === undefined ? HTTP_PORT : Number(digits);
	if (host === undefined || !isIpAddress(host) || port < 1 || port > 65_535) return undefined;
	return { host, port };
}
