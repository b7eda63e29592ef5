import type { JsonSchema } from "./definition.ts";

/**
 * A described value of TypeScript type `T`: the schema says what is accepted, the type is inferred from it, so the two
 * cannot drift. Fields are optional unless `required()`, as in proto3.
 */
export interface Field<T, Required extends boolean = false> {
	readonly schema: JsonSchema;
	readonly isRequired: Required;
	/** Never set; carries the type. */
	readonly valueType?: T;
	/** What `kubectl explain` prints. */
	doc(text: string): Field<T, Required>;
	required(): Field<T, true>;
}

/** TypeScript type of a field's value. */
export type ValueOf<F> = F extends Field<infer T, boolean> ? T : never;

type Shape = Readonly<Record<string, Field<unknown, boolean>>>;

type RequiredKeys<S extends Shape> = { [K in keyof S]: S[K] extends Field<unknown, true> ? K : never }[keyof S];

type Simplify<T> = { [K in keyof T]: T[K] };

type ObjectOf<S extends Shape> = Simplify<
	{ readonly [K in RequiredKeys<S>]: ValueOf<S[K]> } & {
		readonly [K in Exclude<keyof S, RequiredKeys<S>>]?: ValueOf<S[K]>;
	}
>;

function field<T, R extends boolean = false>(schema: JsonSchema, isRequired = false as R): Field<T, R> {
	return {
		schema,
		isRequired,
		doc: (text) => field<T, R>({ ...schema, description: text }, isRequired),
		required: () => field<T, true>(schema, true),
	};
}

/**
 * At most one of these members may be set (proto's oneof). With several groups each is a oneOf of its own.
 */
function oneOfSchema(names: readonly string[]): JsonSchema {
	const only = names.map((name) => ({ required: [name] }));
	return { oneOf: [{ not: { anyOf: only } }, ...only] };
}

function objectSchema(shape: Shape, oneOf: readonly (readonly string[])[]): JsonSchema {
	const required = Object.keys(shape).filter((name) => shape[name]!.isRequired);
	const groups = oneOf.map(oneOfSchema);
	return {
		type: "object",
		properties: Object.fromEntries(Object.entries(shape).map(([name, { schema }]) => [name, schema])),
		...(required.length > 0 ? { required } : {}),
		...(groups.length === 1 ? groups[0] : {}),
		...(groups.length > 1 ? { allOf: groups } : {}),
	};
}

const UINT32_MAX = 4_294_967_295;

/** Builders for the shapes that Istio's API is made of. */
export const s = {
	string: (limits: Pick<JsonSchema, "minLength" | "maxLength" | "pattern" | "format"> = {}) =>
		field<string>({ type: "string", ...limits }),
	/** One of fixed words. */
	enumOf: <const T extends readonly string[]>(...values: T) => field<T[number]>({ type: "string", enum: values }),
	/** Text like `1.5s`, `10ms`, `1h`. */
	duration: () => field<string>({ type: "string", format: "duration" }),
	bool: () => field<boolean>({ type: "boolean", nullable: true }),
	int32: (limits: Pick<JsonSchema, "minimum" | "maximum"> = {}) =>
		field<number>({ type: "integer", format: "int32", ...limits }),
	int64: () => field<number>({ type: "integer", format: "int64" }),
	uint32: () => field<number>({ type: "integer", minimum: 0, maximum: UINT32_MAX }),
	double: () => field<number>({ type: "number", format: "double" }),
	/** base64 text. */
	bytes: () => field<string>({ type: "string", format: "binary" }),
	list: <T>(item: Field<T, boolean>, limits: Pick<JsonSchema, "minItems" | "maxItems"> = {}) =>
		field<readonly T[]>({ type: "array", items: item.schema, ...limits }),
	map: <T>(value: Field<T, boolean>) =>
		field<Readonly<Record<string, T>>>({ type: "object", additionalProperties: value.schema }),
	/** Closed object; `oneOf` names groups of members of which at most one may be set. */
	object: <const S extends Shape>(shape: S, oneOf: readonly (readonly (keyof S & string)[])[] = []) =>
		field<ObjectOf<S>>(objectSchema(shape, oneOf)),
	/** Any JSON object. */
	struct: () =>
		field<Readonly<Record<string, unknown>>>({ type: "object", "x-kubernetes-preserve-unknown-fields": true }),
	/** A number, or a name of one. */
	intOrString: () =>
		field<number | string>({
			"x-kubernetes-int-or-string": true,
			anyOf: [{ type: "integer" }, { type: "string" }],
		}),
	/** The same, but null is welcome (an explicit "no value" of a map). */
	nullable: <T>(inner: Field<T, boolean>) => field<T | null>({ ...inner.schema, nullable: true }),
};
