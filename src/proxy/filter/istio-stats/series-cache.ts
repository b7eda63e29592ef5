import { isKeyOf, type RequestFacts, type SeriesKey, seriesKeyOf } from "./request-facts.ts";

/** Remembered entries; a full cache is emptied. */
const MAX_ENTRIES = 4096;
/** Entries per endpoint that are compared member by member before a text is made to look among all. */
const MAX_AT_HAND = 8;

interface Entry<S> {
	readonly key: SeriesKey;
	/** The key as text. */
	readonly text: string;
	readonly series: S;
}

/** Series by what a request's labels are made from; those of usual requests are found without garbage. */
export class SeriesCache<S> {
	readonly #all = new Map<string, Entry<S>>();
	/** By endpoint, last found first. */
	readonly #atHand = new Map<string, Entry<S>[]>();

	find(on: RequestFacts): S | undefined {
		const list = this.#atHand.get(on.info.upstreamHost ?? "");
		if (list) {
			for (let i = 0; i < list.length; i++) {
				const entry = list[i]!;
				if (isKeyOf(entry.key, on)) return entry.series;
			}
		}
		const entry = this.#all.get(textOf(seriesKeyOf(on)));
		if (!entry || entry.key.peer !== on.peer) return undefined;
		this.#putAtHand(entry);
		return entry.series;
	}

	/** Takes the place of what was there for such a request. */
	put(on: RequestFacts, series: S): void {
		if (this.#all.size >= MAX_ENTRIES) {
			this.#all.clear();
			this.#atHand.clear();
		}
		const key = seriesKeyOf(on);
		const entry = { key, text: textOf(key), series };
		this.#all.set(entry.text, entry);
		this.#putAtHand(entry);
	}

	#putAtHand(entry: Entry<S>): void {
		const host = entry.key.host ?? "";
		const others = (this.#atHand.get(host) ?? []).filter(({ text }) => text !== entry.text);
		this.#atHand.set(host, [entry, ...others].slice(0, MAX_AT_HAND));
	}
}

function textOf(key: SeriesKey): string {
	return JSON.stringify({ ...key, peer: key.peer?.id });
}
