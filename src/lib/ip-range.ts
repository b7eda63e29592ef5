import { parseIp as parseWords } from "./cidr.ts";

/** An IP address as a number: 32 bits or 128. */
export interface IpAddress {
	readonly version: 4 | 6;
	readonly bits: bigint;
}

/** Addresses whose first `length` bits are those of `address`; the bits behind them are zero. */
export interface IpRange {
	readonly address: IpAddress;
	readonly length: number;
}

/** An address as `cidr.ts` reads it, as one number; undefined for any other text. */
export function parseIp(text: string): IpAddress | undefined {
	const words = parseWords(text);
	if (!words) return undefined;
	return { version: words.length === 1 ? 4 : 6, bits: words.reduce((bits, word) => (bits << 32n) | BigInt(word), 0n) };
}

/** A range from xDS' CidrRange; a length beyond the address counts as the whole address (as Envoy). Undefined: no address. */
export function ipRange(prefix: string, length: number): IpRange | undefined {
	const address = parseIp(prefix);
	if (!address || length < 0) return undefined;
	const kept = Math.min(length, widthOf(address.version));
	return { address: { version: address.version, bits: truncated(address, kept) }, length: kept };
}

/** Whether the address lies in the range; addresses of the other family never do. */
export function inRange({ address, length }: IpRange, ip: IpAddress): boolean {
	return ip.version === address.version && truncated(ip, length) === address.bits;
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback({ version, bits }: IpAddress): boolean {
	return version === 4 ? bits >> 24n === 127n : bits === 1n;
}

function widthOf(version: 4 | 6): number {
	return version === 4 ? 32 : 128;
}

function truncated({ version, bits }: IpAddress, length: number): bigint {
	const rest = BigInt(widthOf(version) - length);
	return (bits >> rest) << rest;
}

/** Values by range; the longest range that holds an address wins. */
export class IpRangeTable<T> {
	readonly #v4: Level<T>[] = [];
	readonly #v6: Level<T>[] = [];

	/** The value of exactly this range. */
	get({ address, length }: IpRange): T | undefined {
		return this.#levels(address.version)
			.find((level) => level.length === length)
			?.values.get(address.bits);
	}

	set({ address, length }: IpRange, value: T): void {
		const levels = this.#levels(address.version);
		let level = levels.find((known) => known.length === length);
		if (!level) {
			level = { length, values: new Map() };
			levels.push(level);
			levels.sort((a, b) => b.length - a.length);
		}
		level.values.set(address.bits, value);
	}

	longest(ip: IpAddress): T | undefined {
		for (const { length, values } of this.#levels(ip.version)) {
			const found = values.get(truncated(ip, length));
			if (found !== undefined) return found;
		}
		return undefined;
	}

	#levels(version: 4 | 6): Level<T>[] {
		return version === 4 ? this.#v4 : this.#v6;
	}
}

interface Level<T> {
	readonly length: number;
	readonly values: Map<bigint, T>;
}
