import {
	type FormatContext,
	type FormatEnvironment,
	type FormatOperator,
	type FormatValue,
	OperatorError,
} from "./format-context.ts";

type Metadata = { get(namespace: string): unknown };

const SOURCES: Readonly<Record<string, (ctx: FormatContext) => Metadata | undefined>> = {
	DYNAMIC: (ctx) => ctx.info.dynamicMetadata,
	CLUSTER: ({ info }) => lookup(info.upstreamClusterMetadata),
	UPSTREAM_HOST: ({ info }) => lookup(info.upstreamEndpoint?.metadata),
	ROUTE: (ctx) => ctx.route && { get: (namespace) => ctx.route?.metadata[namespace] },
	LISTENER: ({ info }) => lookup(info.connection?.listener?.metadata),
	LISTENER_FILTER_CHAIN: ({ info }) => lookup(info.connection?.filterChainMetadata),
	VIRTUAL_HOST: (ctx) => lookup(ctx.route?.virtualHostMetadata),
};

function lookup(metadata: Readonly<Record<string, unknown>> | undefined): Metadata | undefined {
	return metadata && { get: (namespace) => (Object.hasOwn(metadata, namespace) ? metadata[namespace] : undefined) };
}

/** %DYNAMIC_METADATA(ns:key...)%, %METADATA(DYNAMIC|ROUTE:ns:key...)%, %FILTER_STATE(key[:PLAIN|TYPED|FIELD:name])%; undefined for other names. */
export function metadataOperator(
	name: string,
	text: string | undefined,
	env: FormatEnvironment,
): FormatOperator | undefined {
	const source = { DYNAMIC_METADATA: "DYNAMIC", CLUSTER_METADATA: "CLUSTER", UPSTREAM_METADATA: "UPSTREAM_HOST" }[name];
	if (source) return pathInto(source, required(name, text).split(":"));
	if (name === "METADATA") {
		const [source = "", ...path] = (text ?? "").split(":");
		if (!Object.hasOwn(SOURCES, source))
			throw new OperatorError(`"${source}" is not supported type of metadata: ${Object.keys(SOURCES).join(", ")} are`);
		return path.length === 0 ? () => undefined : pathInto(source, path);
	}
	// No part of this proxy keeps filter state of its endpoints' side.
	if (name === "UPSTREAM_FILTER_STATE") return filterState(required(name, text), env, () => undefined);
	return name === "FILTER_STATE"
		? filterState(required(name, text), env, ({ info }, key) => info.filterState.get(key))
		: undefined;
}

function required(name: string, text: string | undefined): string {
	if (!text) throw new OperatorError(`%${name}% needs a name in parentheses`);
	return text;
}

function pathInto(source: string, [namespace, ...keys]: string[]): FormatOperator {
	const read = SOURCES[source]!;
	return (ctx) => {
		let value: unknown = read(ctx)?.get(namespace!);
		for (const key of keys) value = member(value, key);
		return formatted(value);
	};
}

function filterState(
	text: string,
	{ stateObject }: FormatEnvironment,
	read: (ctx: FormatContext, key: string) => unknown,
): FormatOperator {
	const [key, form = "TYPED", fieldName] = text.split(":") as [string, string?, string?];
	if (!["PLAIN", "TYPED", "FIELD"].includes(form) || (form === "FIELD") !== (fieldName !== undefined))
		throw new OperatorError(`"${text}" is no use of %FILTER_STATE%: KEY, KEY:PLAIN, KEY:TYPED or KEY:FIELD:NAME`);
	return (ctx) => {
		const kept = read(ctx, key);
		const value = kept === undefined ? undefined : (stateObject?.(key, kept) ?? kept);
		return formatted(fieldName === undefined ? value : member(value, fieldName));
	};
}

function member(value: unknown, key: string): unknown {
	if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
	return (value as Record<string, unknown>)[key];
}

function formatted(value: unknown): FormatValue {
	if (value === null || value === undefined) return undefined;
	if (typeof value === "object") return sortedByKey(value);
	return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}

/** Envoy writes the members of objects in order of their names. */
function sortedByKey(value: object): object {
	if (Array.isArray(value)) return value.map((item: unknown) => (isRecord(item) ? sortedByKey(item) : item));
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(entries.map(([key, item]) => [key, isRecord(item) ? sortedByKey(item) : item]));
}

function isRecord(value: unknown): value is object {
	return typeof value === "object" && value !== null;
}
