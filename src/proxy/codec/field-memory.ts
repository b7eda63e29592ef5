import type { HeaderMap } from "../http/header-map.ts";

/** What the fields of a head are. */
export interface Fields {
	readonly headers: HeaderMap;
	/** Bits of `SEEN`. */
	readonly seen: number;
	/** The first Host field where it is kept apart from `headers`, and how many there were. */
	readonly host: string;
	readonly hosts: number;
	readonly fieldBytes: number;
}

/** Longer heads are parsed each time. */
const MAX_BYTES = 4096;
/** A connection whose fields were others this often in a row is not looked at any more. */
const MAX_MISSES = 8;

/**
 * The fields of the message before. Clients and servers on a connection often send the very same again, bodies and paths apart: then one
 * comparison stands for parsing them. Nothing is remembered of a first message, which may be the only one.
 */
export class FieldMemory {
	#messages = 0;
	#misses = 0;
	#text = "";
	#fields: Fields | undefined = undefined;

	/** Another message begins. */
	next(): void {
		this.#messages++;
	}

	/** Worth a `keep`. */
	get keeps(): boolean {
		return this.#messages > 0 && this.#misses < MAX_MISSES;
	}

	/** Length of the remembered fields, with the empty line, when they stand at `at` again; 0: they do not. */
	repeatedLength(text: string, at: number): number {
		const { length } = this.#text;
		if (length === 0 || !this.keeps || text.slice(at, at + length) !== this.#text) return 0;
		this.#misses = 0;
		return length;
	}

	/** After `repeatedLength`: what the fields are. The headers are the caller's own. */
	recall(): Fields {
		return copyOf(this.#fields!);
	}

	/** Remembers the fields that stand in `text`; their headers are copied. */
	keep(text: string, from: number, to: number, fields: Fields): void {
		this.#misses++;
		if (to - from > MAX_BYTES) return;
		this.#text = text.slice(from, to);
		this.#fields = copyOf(fields);
	}
}

function copyOf({ headers, seen, host, hosts, fieldBytes }: Fields): Fields {
	return { headers: headers.clone(), seen, host, hosts, fieldBytes };
}
