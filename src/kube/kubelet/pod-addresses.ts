import { ADDRESSES_PER_RANGE, type AddressPlan } from "../../lib/address-plan.ts";

/** Hands out pod addresses; the pods' own records keep them across restarts. */
export interface PodAddresses {
	/** A free address, the longest unused first: a stale connection should not meet a stranger. */
	allocate(): string;
	/** Marks an address as taken (a pod from before). */
	reserve(ip: string): void;
	release(ip: string): void;
}

export function createPodAddresses(plan: AddressPlan): PodAddresses {
	const taken = new Set<string>();
	let next = 0;
	return {
		allocate() {
			for (let tried = 0; tried < ADDRESSES_PER_RANGE; tried++) {
				const ip = plan.podIp(next);
				next = (next + 1) % ADDRESSES_PER_RANGE;
				if (taken.has(ip)) continue;
				taken.add(ip);
				return ip;
			}
			throw new Error("every pod address of this mesh is in use");
		},
		reserve: (ip) => void taken.add(ip),
		release: (ip) => void taken.delete(ip),
	};
}
