import type { RateLimitDescriptor } from "../../router/rate-limit/descriptor.ts";
import { type BucketSettings, TokenBucket } from "./token-bucket.ts";

/** A descriptor with a bucket of its own. */
export interface DescriptorLimit {
	/** An empty value stands for any: each value then has its own bucket. */
	readonly entries: readonly { readonly key: string; readonly value: string }[];
	readonly bucket: BucketSettings;
	/** Counted, not enforced. */
	readonly shadow: boolean;
}

export interface LimiterSettings {
	/** Undefined: only descriptors limit. */
	readonly bucket: BucketSettings | undefined;
	readonly descriptors: readonly DescriptorLimit[];
	/** Requests that a descriptor lets through take a token of the default bucket too. */
	readonly alwaysTakeDefault: boolean;
	/** Buckets that one descriptor with an open value may have; the one used longest ago goes first. */
	readonly maxDynamic: number;
}

/** What was decided, and by which bucket. */
export interface LimitResult {
	readonly allowed: boolean;
	readonly shadow: boolean;
	readonly bucket: TokenBucket | undefined;
	/** What the descriptor says of x-ratelimit headers. */
	readonly headers: boolean | undefined;
}

interface Match {
	readonly bucket: TokenBucket;
	readonly hits: number;
	readonly shadow: boolean;
	readonly headers: boolean | undefined;
}

/** Buckets of one listener, route or connection (Envoy: LocalRateLimiterImpl). */
export class LocalLimiter {
	readonly #settings: LimiterSettings;
	readonly #default: TokenBucket | undefined;
	/** By the text of all entries. */
	readonly #exact = new Map<string, { readonly bucket: TokenBucket; readonly shadow: boolean }>();
	readonly #open: OpenLimit[] = [];

	constructor(settings: LimiterSettings, nowMs: number) {
		this.#settings = settings;
		this.#default = settings.bucket && new TokenBucket(settings.bucket, nowMs);
		for (const limit of settings.descriptors) {
			if (limit.entries.some(({ value }) => value === "")) this.#open.push(new OpenLimit(limit, settings.maxDynamic));
			else
				this.#exact.set(keyOf(limit.entries), { bucket: new TokenBucket(limit.bucket, nowMs), shadow: limit.shadow });
		}
	}

	/** The bucket that fills most slowly is asked first, so that a request that is refused takes as little as possible. */
	decide(descriptors: readonly RateLimitDescriptor[], nowMs: number): LimitResult {
		const matches = descriptors.flatMap((descriptor) => this.#match(descriptor, nowMs) ?? []);
		matches.sort((a, b) => a.bucket.tokensPerMs - b.bucket.tokensPerMs);
		const [first] = matches;
		for (const { bucket, hits, shadow, headers } of matches) {
			if (!bucket.take(hits, nowMs)) return { allowed: shadow, shadow, bucket, headers };
		}
		const usual = this.#default;
		const bucket = first?.bucket ?? usual;
		const headers = first?.headers;
		if (!usual || (first && !this.#settings.alwaysTakeDefault))
			return { allowed: true, shadow: false, bucket, headers };
		if (!usual.take(1, nowMs)) return { allowed: false, shadow: false, bucket: usual, headers };
		return { allowed: true, shadow: false, bucket, headers };
	}

	#match(descriptor: RateLimitDescriptor, nowMs: number): Match | undefined {
		const { entries, hitsAddend = 1, negativeHits, headers } = descriptor;
		const hits = negativeHits ? -hitsAddend : hitsAddend;
		const exact = this.#exact.get(keyOf(entries));
		if (exact) return { ...exact, hits, headers };
		for (const open of this.#open) {
			if (open.matches(entries))
				return { bucket: open.bucketFor(keyOf(entries), nowMs), shadow: open.shadow, hits, headers };
		}
		return undefined;
	}
}

/** A descriptor some of whose values are open. */
class OpenLimit {
	readonly shadow: boolean;
	readonly #limit: DescriptorLimit;
	readonly #max: number;
	readonly #buckets = new Map<string, TokenBucket>();

	constructor(limit: DescriptorLimit, max: number) {
		this.shadow = limit.shadow;
		this.#limit = limit;
		this.#max = max;
	}

	matches(entries: RateLimitDescriptor["entries"]): boolean {
		const own = this.#limit.entries;
		return (
			own.length === entries.length &&
			own.every(({ key, value }, i) => key === entries[i]!.key && (value === "" || value === entries[i]!.value))
		);
	}

	bucketFor(key: string, nowMs: number): TokenBucket {
		const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#limit.bucket, nowMs);
		this.#buckets.delete(key);
		this.#buckets.set(key, bucket);
		if (this.#buckets.size > this.#max) this.#buckets.delete(this.#buckets.keys().next().value!);
		return bucket;
	}
}

/** Entries as one text; lengths keep keys and values apart. */
function keyOf(entries: readonly { readonly key: string; readonly value: string }[]): string {
	let key = "";
	for (const entry of entries) key += `${entry.key.length}:${entry.key}=${entry.value.length}:${entry.value};`;
	return key;
}
