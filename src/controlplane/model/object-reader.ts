import { parseDurationMs } from "../../lib/duration.ts";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";

/** A field has the wrong type or an impossible value: the object cannot be used. */
const MALFORMED_FIELD = "LTN1501";
/** A field is known to Istio but not obeyed by this version: the object is used without it. */
export const UNSUPPORTED_FIELD = "LTN1502";

type Json = Readonly<Record<string, unknown>>;

/** Collects what is wrong with one object while it is read. */
export class ProblemSink {
	readonly problems: Problem[] = [];
	/** True for objects that are others' business (Pods, Services): fields that nobody here reads are none of ours. */
	readonly selective: boolean;

	constructor(selective = false) {
		this.selective = selective;
	}

	get malformed(): boolean {
		return this.problems.some((p) => p.code === MALFORMED_FIELD);
	}
}

/**
 * Reads one JSON object into typed values. Absent and null fields read as undefined; a value of the wrong type is
 * reported with its path and also reads as undefined. Fields that nobody read are reported by `end`.
 */
export class ObjectReader {
	readonly #json: Json;
	readonly #path: FieldPath;
	readonly #sink: ProblemSink;
	readonly #read = new Set<string>();

	constructor(json: unknown, path: FieldPath, sink: ProblemSink) {
		this.#path = path;
		this.#sink = sink;
		this.#json = isObject(json) ? json : {};
		if (json !== undefined && json !== null && !isObject(json)) this.#malformed(path, "must be an object");
	}

	static spec(object: { readonly [member: string]: unknown }, sink: ProblemSink): ObjectReader {
		return new ObjectReader(object.spec, fieldPath("spec"), sink);
	}

	get path(): FieldPath {
		return this.#path;
	}

	has(name: string): boolean {
		return this.#json[name] !== undefined && this.#json[name] !== null;
	}

	string(name: string): string | undefined {
		return this.#typed(name, "a string", (v) => (typeof v === "string" ? v : undefined));
	}

	boolean(name: string): boolean | undefined {
		return this.#typed(name, "true or false", (v) => (typeof v === "boolean" ? v : undefined));
	}

	number(name: string): number | undefined {
		return this.#typed(name, "a number", (v) => (typeof v === "number" && Number.isFinite(v) ? v : undefined));
	}

	/** A proto3-JSON or Go duration, in milliseconds. */
	durationMs(name: string): number | undefined {
		return this.#typed(name, "a duration such as 1.5s", (v) =>
			typeof v === "string" ? parseDurationMs(v) : undefined,
		);
	}

	/** One of the words; anything else is malformed. */
	word<const W extends string>(name: string, words: readonly W[]): W | undefined {
		return this.#typed(name, `one of ${words.join(", ")}`, (v) => words.find((w) => w === v));
	}

	strings(name: string): readonly string[] {
		const isStrings = (v: unknown): v is string[] => Array.isArray(v) && v.every((e) => typeof e === "string");
		return this.#typed(name, "a list of strings", (v) => (isStrings(v) ? v : undefined)) ?? [];
	}

	stringMap(name: string): Readonly<Record<string, string>> {
		const isMap = (v: unknown): v is Record<string, string> =>
			isObject(v) && Object.values(v).every((e) => typeof e === "string");
		return this.#typed(name, "a map of strings", (v) => (isMap(v) ? v : undefined)) ?? {};
	}

	object<T>(name: string, read: (r: ObjectReader) => T): T | undefined {
		this.#read.add(name);
		if (!this.has(name)) return undefined;
		const inner = new ObjectReader(this.#json[name], this.#path.field(name), this.#sink);
		const value = read(inner);
		inner.end();
		return value;
	}

	list<T>(name: string, read: (r: ObjectReader) => T): readonly T[] {
		const items = this.#typed(name, "a list", (v) => (Array.isArray(v) ? (v as unknown[]) : undefined)) ?? [];
		return items.map((item, i) => {
			const inner = new ObjectReader(item, this.#path.field(name).index(i), this.#sink);
			const value = read(inner);
			inner.end();
			return value;
		});
	}

	/** Entries of a map whose values are objects, in the order of the document. */
	entries<T>(name: string, read: (r: ObjectReader) => T): readonly (readonly [string, T])[] {
		const map = this.#typed(name, "an object", (v) => (isObject(v) ? v : undefined)) ?? {};
		return Object.entries(map).map(([key, value]) => {
			const inner = new ObjectReader(value, this.#path.field(name).key(key), this.#sink);
			const result = read(inner);
			inner.end();
			return [key, result] as const;
		});
	}

	/** A value that is left as it is when the guard takes it. */
	raw<T>(name: string, guard: (value: unknown) => value is T): T | undefined {
		return this.#typed(name, "of another type", (v) => (guard(v) ? v : undefined));
	}

	/** Says that a set field is not obeyed. */
	unsupported(name: string, why: string): void {
		this.#read.add(name);
		if (!this.has(name)) return;
		this.#report(UNSUPPORTED_FIELD, this.#path.field(name), `${name} is not supported yet: ${why}`, "remove the field");
	}

	/** Says that what a field means, set or by default, is not obeyed. */
	unobeyed(name: string, what: string, fix: string): void {
		this.#read.add(name);
		this.#report(UNSUPPORTED_FIELD, this.#path.field(name), what, fix);
	}

	/** Marks a field as taken care of elsewhere (deprecated aliases that Istio itself no longer obeys). */
	ignore(...names: readonly string[]): void {
		for (const name of names) this.#read.add(name);
	}

	malformed(name: string, what: string): void {
		this.#malformed(name === "" ? this.#path : this.#path.field(name), what);
	}

	/** Reports every field that was never read, unless only a part of the object is wanted. */
	end(): void {
		if (this.#sink.selective) return;
		for (const name of Object.keys(this.#json)) {
			if (this.#read.has(name) || !this.has(name)) continue;
			this.#report(
				UNSUPPORTED_FIELD,
				this.#path.field(name),
				`${name} is unknown or not supported yet`,
				"remove the field",
			);
		}
	}

	#typed<T>(name: string, what: string, pick: (value: unknown) => T | undefined): T | undefined {
		this.#read.add(name);
		if (!this.has(name)) return undefined;
		const value = pick(this.#json[name]);
		if (value === undefined) this.#malformed(this.#path.field(name), `must be ${what}`);
		return value;
	}

	#malformed(path: FieldPath, what: string): void {
		this.#report(MALFORMED_FIELD, path, what, "");
	}

	#report(code: string, path: FieldPath, message: string, fix: string): void {
		this.#sink.problems.push(problem(code, path.toString(), message, fix));
	}
}

function isObject(value: unknown): value is Json {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
