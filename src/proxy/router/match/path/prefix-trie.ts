interface TrieNode<T> {
	/** Text of the edge that leads here. */
	label: string;
	/** Values whose key ends here, in the order of insertion. */
	values: T[];
	children: Map<number, TrieNode<T>> | undefined;
}

const node = <T>(label: string): TrieNode<T> => ({ label, values: [], children: undefined });

/** Keys that are prefixes of a text, found in time of the text's length, however many keys there are (a radix tree). */
export class PrefixTrie<T> {
	readonly #root: TrieNode<T> = node("");

	add(key: string, value: T): void {
		let at = this.#root;
		let rest = key;
		while (rest !== "") {
			at.children ??= new Map();
			const child = at.children.get(rest.charCodeAt(0));
			if (!child) {
				const leaf = node<T>(rest);
				at.children.set(rest.charCodeAt(0), leaf);
				at = leaf;
				rest = "";
				continue;
			}
			const shared = commonLength(child.label, rest);
			if (shared < child.label.length) splitEdge(child, shared);
			at = child;
			rest = rest.slice(shared);
		}
		at.values.push(value);
	}

	/** Appends to `into` the values of every key that `text` begins with, shortest key first. */
	collectPrefixes(text: string, into: T[]): void {
		let at: TrieNode<T> | undefined = this.#root;
		let position = 0;
		while (at) {
			for (const value of at.values) into.push(value);
			if (position >= text.length) return;
			const child: TrieNode<T> | undefined = at.children?.get(text.charCodeAt(position));
			if (!child || !text.startsWith(child.label, position)) return;
			position += child.label.length;
			at = child;
		}
	}
}

function commonLength(a: string, b: string): number {
	const limit = Math.min(a.length, b.length);
	let i = 0;
	while (i < limit && a.charCodeAt(i) === b.charCodeAt(i)) i++;
	return i;
}

/** Cuts the edge into `parent` after `length` characters; what hung below it moves to the new lower half. */
function splitEdge<T>(parent: TrieNode<T>, length: number): void {
	const lower = node<T>(parent.label.slice(length));
	lower.values = parent.values;
	lower.children = parent.children;
	parent.label = parent.label.slice(0, length);
	parent.values = [];
	parent.children = new Map([[lower.label.charCodeAt(0), lower]]);
}
