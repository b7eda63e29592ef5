/** What a `Roster` holds: an object that knows its place in it. */
export interface RosterMember {
	/** The roster's; -1: in none. */
	rosterPlace: number;
}

/**
 * Members that come and go all the time. Not a Set: V8 gives a Set (or Map) a new table after about as many additions as it has places, and an
 * old table points to the next one. Once a collection has moved one of them to the old generation, each keeps its successor alive with all
 * that was in it, until the next full collection: what should die young piles up.
 */
export class Roster<T extends RosterMember> {
	readonly #members: T[] = [];

	get size(): number {
		return this.#members.length;
	}

	/** Does nothing when it is there already; an object is in one roster at a time. */
	add(member: T): void {
		if (member.rosterPlace >= 0) return;
		member.rosterPlace = this.#members.length;
		this.#members.push(member);
	}

	/** Does nothing when it is not there. */
	delete(member: T): void {
		const place = member.rosterPlace;
		if (place < 0 || this.#members[place] !== member) return;
		member.rosterPlace = -1;
		const last = this.#members.pop()!;
		if (last === member) return;
		this.#members[place] = last;
		last.rosterPlace = place;
	}

	/** In no order; a copy, so that members may leave meanwhile. */
	list(): T[] {
		return this.#members.slice();
	}
}
