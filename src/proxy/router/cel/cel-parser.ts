/** An expression of the Common Expression Language, taken apart. */
export type CelNode =
	| { readonly kind: "literal"; readonly value: string | number | boolean | null }
	| { readonly kind: "name"; readonly name: string }
	| { readonly kind: "member"; readonly of: CelNode; readonly name: string }
	| { readonly kind: "index"; readonly of: CelNode; readonly at: CelNode }
	| {
			readonly kind: "call";
			readonly of: CelNode | undefined;
			readonly name: string;
			readonly args: readonly CelNode[];
	  }
	| { readonly kind: "unary"; readonly op: "!" | "-"; readonly of: CelNode }
	| { readonly kind: "binary"; readonly op: string; readonly left: CelNode; readonly right: CelNode }
	| { readonly kind: "choice"; readonly test: CelNode; readonly then: CelNode; readonly otherwise: CelNode }
	| { readonly kind: "list"; readonly items: readonly CelNode[] }
	| { readonly kind: "map"; readonly entries: readonly (readonly [CelNode, CelNode])[] };

/** Why a text is no expression. */
export class CelSyntaxError extends Error {}

const TOKEN =
	/\s*(?:(\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|0[xX][0-9a-fA-F]+|\d+)[uU]?|([rR]?)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()[\]{}]))/y;

interface Token {
	readonly kind: "number" | "text" | "name" | "sign" | "end";
	readonly text: string;
}

const LEVELS: readonly (readonly string[])[] = [
	["||"],
	["&&"],
	["==", "!=", "<", "<=", ">", ">=", "in"],
	["+", "-"],
	["*", "/", "%"],
];
/** Deeper expressions are nobody's. */
const MAX_DEPTH = 100;

/** Parses an expression; throws CelSyntaxError. */
export function parseCel(text: string): CelNode {
	const parser = new Parser(tokensOf(text));
	const node = parser.expression();
	parser.expectEnd();
	return node;
}

function tokensOf(text: string): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	while (text.slice(at).trim() !== "") {
		TOKEN.lastIndex = at;
		const match = TOKEN.exec(text);
		if (!match) throw new CelSyntaxError(`nothing known begins with "${text.slice(at, at + 10)}"`);
		const [, number, raw, quoted, name, sign] = match;
		if (number !== undefined) tokens.push({ kind: "number", text: number });
		else if (quoted !== undefined)
			tokens.push({ kind: "text", text: raw ? quoted.slice(1, -1) : unescaped(quoted.slice(1, -1)) });
		else if (name !== undefined) tokens.push({ kind: "name", text: name });
		else tokens.push({ kind: "sign", text: sign! });
		at = TOKEN.lastIndex;
	}
	return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

function unescaped(text: string): string {
	return text.replace(
		/\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/g,
		(_, unicode?: string, hex?: string, one?: string) => {
			const code = unicode ?? hex;
			return code === undefined ? (ESCAPES[one!] ?? one!) : String.fromCharCode(Number.parseInt(code, 16));
		},
	);
}

const END: Token = { kind: "end", text: "" };
const CONSTANTS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

class Parser {
	readonly #tokens: readonly Token[];
	#at = 0;
	#depth = 0;

	constructor(tokens: readonly Token[]) {
		this.#tokens = tokens;
	}

	expression(): CelNode {
		if (++this.#depth > MAX_DEPTH) throw new CelSyntaxError("it is nested too deeply");
		const test = this.#binary(0);
		let node = test;
		if (this.#takes("?")) {
			const then = this.expression();
			this.#expect(":");
			node = { kind: "choice", test, then, otherwise: this.expression() };
		}
		this.#depth--;
		return node;
	}

	expectEnd(): void {
		if (this.#next.kind !== "end") throw new CelSyntaxError(`"${this.#next.text}" is not expected`);
	}

	get #next(): Token {
		return this.#tokens[this.#at] ?? END;
	}

	#binary(level: number): CelNode {
		const operators = LEVELS[level];
		if (!operators) return this.#unary();
		let left = this.#binary(level + 1);
		for (;;) {
			const { kind, text } = this.#next;
			if ((kind !== "sign" && text !== "in") || kind === "text" || !operators.includes(text)) return left;
			this.#at++;
			left = { kind: "binary", op: text, left, right: this.#binary(level + 1) };
		}
	}

	#unary(): CelNode {
		if (this.#takes("!")) return { kind: "unary", op: "!", of: this.#unary() };
		if (this.#takes("-")) return { kind: "unary", op: "-", of: this.#unary() };
		let node = this.#primary();
		for (;;) {
			if (this.#takes(".")) {
				const name = this.#name();
				node = this.#takes("(")
					? { kind: "call", of: node, name, args: this.#list(")") }
					: { kind: "member", of: node, name };
			} else if (this.#takes("[")) {
				const at = this.expression();
				this.#expect("]");
				node = { kind: "index", of: node, at };
			} else return node;
		}
	}

	#primary(): CelNode {
		const token = this.#next;
		this.#at++;
		if (token.kind === "number") return { kind: "literal", value: Number(token.text) };
		if (token.kind === "text") return { kind: "literal", value: token.text };
		if (token.kind === "name") {
			if (Object.hasOwn(CONSTANTS, token.text)) return { kind: "literal", value: CONSTANTS[token.text]! };
			if (this.#takes("(")) return { kind: "call", of: undefined, name: token.text, args: this.#list(")") };
			return { kind: "name", name: token.text };
		}
		if (token.text === "(") {
			const node = this.expression();
			this.#expect(")");
			return node;
		}
		if (token.text === "[") return { kind: "list", items: this.#list("]") };
		if (token.text === "{") return { kind: "map", entries: this.#entries() };
		throw new CelSyntaxError(token.kind === "end" ? "it ends too early" : `"${token.text}" is not expected`);
	}

	#list(end: string): CelNode[] {
		const items: CelNode[] = [];
		while (!this.#takes(end)) {
			if (items.length > 0) this.#expect(",");
			items.push(this.expression());
		}
		return items;
	}

	#entries(): (readonly [CelNode, CelNode])[] {
		const entries: (readonly [CelNode, CelNode])[] = [];
		while (!this.#takes("}")) {
			if (entries.length > 0) this.#expect(",");
			const key = this.expression();
			this.#expect(":");
			entries.push([key, this.expression()]);
		}
		return entries;
	}

	#name(): string {
		const token = this.#next;
		if (token.kind !== "name") throw new CelSyntaxError(`a name is expected, not "${token.text}"`);
		this.#at++;
		return token.text;
	}

	#takes(sign: string): boolean {
		const token = this.#next;
		if (token.kind !== "sign" || token.text !== sign) return false;
		this.#at++;
		return true;
	}

	#expect(sign: string): void {
		if (!this.#takes(sign)) throw new CelSyntaxError(`"${sign}" is expected, not "${this.#next.text}"`);
	}
}
