interface Entry<T> {
	readonly item: T;
	deadline: number;
	order: number;
	/** The deadline is `base + turns / weight`: nothing is added up, so that equal weights stay in step for ever. */
	base: number;
	turns: number;
	weight: number;
}

/**
 * Earliest deadline first: items come up in proportion to their weights, evenly spread, each pick costing O(log n)
 * (the scheduler that Envoy uses for weighted hosts and localities). The weight is asked for again at every pick.
 */
export class EdfSchedule<T> {
	readonly #heap: Entry<T>[] = [];
	readonly #weightOf: (item: T) => number;
	#order = 0;

	/** Starts after `skipped` picks, so that many proxies do not begin with the same item. Weights must be greater than 0. */
	constructor(items: readonly T[], weightOf: (item: T) => number, skipped: number) {
		this.#weightOf = weightOf;
		const total = items.reduce((sum, item) => sum + weightOf(item), 0);
		// After as many picks as the weights add up to, the order begins anew; small deadlines keep their precision.
		const picks = skipped % Math.max(items.length, Math.ceil(total), 1);
		let done = 0;
		const started = items.map((item) => {
			const weight = weightOf(item);
			const own = Math.floor((weight * picks) / total);
			done += own;
			return { item, weight, own };
		});
		// Among equal deadlines comes first who was picked longest ago, as if all those picks had been made.
		started.sort((a, b) => a.own / a.weight - b.own / b.weight);
		for (const { item, weight, own } of started) {
			const turns = own + 1;
			this.#push({ item, deadline: turns / weight, order: this.#order++, base: 0, turns, weight });
		}
		for (; done < picks && items.length > 0; done++) this.next();
	}

	get empty(): boolean {
		return this.#heap.length === 0;
	}

	next(): T | undefined {
		const top = this.#heap[0];
		if (!top) return undefined;
		const weight = this.#weightOf(top.item);
		if (weight === top.weight) top.turns++;
		else {
			top.base = top.deadline;
			top.turns = 1;
			top.weight = weight;
		}
		top.deadline = top.base + top.turns / weight;
		top.order = this.#order++;
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
