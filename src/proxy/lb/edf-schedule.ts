import type { Random } from "../../lib/random.ts";

interface Entry<T> {
	readonly item: T;
	deadline: number;
	readonly order: number;
}

/**
 * Earliest deadline first: items come up in proportion to their weights, evenly spread, each pick costing O(log n)
 * (the scheduler that Envoy uses for weighted hosts and localities). The weight is asked for again at every pick.
 */
export class EdfSchedule<T> {
	readonly #heap: Entry<T>[] = [];
	readonly #weightOf: (item: T) => number;

	/** Starts at a random point of the cycle, so that many proxies do not begin with the same item. */
	constructor(items: readonly T[], weightOf: (item: T) => number, random: Random) {
		this.#weightOf = weightOf;
		for (const [order, item] of items.entries()) this.#push({ item, deadline: random.unit() / weightOf(item), order });
	}

	next(): T | undefined {
		const top = this.#heap[0];
		if (!top) return undefined;
		top.deadline += 1 / this.#weightOf(top.item);
		this.#sinkTop();
		return top.item;
	}

	#push(entry: Entry<T>): void {
		const heap = this.#heap;
		heap.push(entry);
		for (let i = heap.length - 1; i > 0; ) {
			const parent = (i - 1) >> 1;
			if (!isBefore(heap[i]!, heap[parent]!)) break;
			swap(heap, i, parent);
			i = parent;
		}
	}

	#sinkTop(): void {
		const heap = this.#heap;
		for (let i = 0; ; ) {
			const left = 2 * i + 1;
			if (left >= heap.length) return;
			const right = left + 1;
			const least = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
			if (!isBefore(heap[least]!, heap[i]!)) return;
			swap(heap, i, least);
			i = least;
		}
	}
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
	return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}

function swap<T>(heap: Entry<T>[], i: number, j: number): void {
	const kept = heap[i]!;
	heap[i] = heap[j]!;
	heap[j] = kept;
}
