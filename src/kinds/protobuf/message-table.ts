import kinds from "../generated/protobuf-kinds.json" with { type: "json" };
import messages from "../generated/protobuf-messages.json" with { type: "json" };

/**
 * A field of a message. `code` is made of `[]` (repeated) or `{}` (map with string keys) and one letter: `s` string,
 * `i` integer, `b` bool, `d` double, `y` bytes, `m` message; a `?` behind it means that the zero value is dropped (a
 * non-pointer Go field with omitempty). An empty JSON name means that the message's members are the parent's own.
 */
export interface MessageField {
	readonly number: number;
	readonly jsonName: string;
	readonly container: "" | "[]" | "{}";
	readonly scalar: "s" | "i" | "b" | "d" | "y" | "m";
	readonly dropZero: boolean;
	/** Message name, or the name of a special message (`time`, `quantity`...). */
	readonly reference: string;
}

type MessageFields = ReadonlyMap<number, MessageField>;

const rows = messages as unknown as Readonly<Record<string, readonly (readonly [number, string, string, string?])[]>>;
const parsed = new Map<string, MessageFields>();

/** Fields of a message by number. */
export function messageFields(name: string): MessageFields {
	let fields = parsed.get(name);
	if (!fields) {
		const list = rows[name];
		if (!list) throw new Error(`no protobuf table for ${name}`);
		fields = new Map(list.map((row) => [row[0], parseRow(row)]));
		parsed.set(name, fields);
	}
	return fields;
}

function parseRow([number, jsonName, code, reference = ""]: readonly [number, string, string, string?]): MessageField {
	const container = code.startsWith("[]") ? "[]" : code.startsWith("{}") ? "{}" : "";
	const scalar = code[container.length] as MessageField["scalar"];
	return { number, jsonName, container, scalar, dropZero: code.endsWith("?"), reference };
}

/** Message of a kind, or undefined when Lateen does not know its wire form. */
export function messageOfKind(apiVersion: string, kind: string): string | undefined {
	const table = kinds as Readonly<Record<string, string>>;
	const name = `${apiVersion}/${kind}`;
	if (Object.hasOwn(table, name)) return table[name];
	return Object.hasOwn(table, kind) ? table[kind] : undefined; // meta/v1 kinds are registered in every group
}
