import type { FieldPath } from "../../../lib/field-path.ts";
import type { ScopedRouteConfiguration_Key } from "../../../xds/generated/envoy/config/route/v3/scoped_route_pb.ts";
import type {
	ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor as HeaderValueExtractor,
	ScopedRoutes_ScopeKeyBuilder,
} from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { RequestHead } from "../../http/message.ts";
import type { ProblemList } from "../problem-list.ts";

/** The scope that a request asks for, as text; undefined: it names none. */
export type ScopeKeyOf = (request: RequestHead) => string | undefined;

/** Stands between fragments; no header value has it. */
const SEPARATOR = "\0";

/** Compiles what a request's scope is made of (Envoy: ScopedRoutes.ScopeKeyBuilder). */
export function compileScopeKey(
	builder: ScopedRoutes_ScopeKeyBuilder | undefined,
	at: FieldPath,
	problems: ProblemList,
): ScopeKeyOf {
	const fragments = builder?.fragments ?? [];
	if (fragments.length === 0) problems.add("missing", at.field("fragments"), "at least one fragment is needed");
	const parts = fragments.flatMap(({ type }, i) => {
		const where = at.field("fragments").index(i);
		if (type.case !== undefined) return [compileExtractor(type.value, where.field("header_value_extractor"), problems)];
		problems.add("missing", where, "the fragment says nothing", "set header_value_extractor");
		return [];
	});
	return (request) => {
		let key = "";
		for (const part of parts) {
			const value = part(request);
			if (value === undefined) return undefined;
			key += value + SEPARATOR;
		}
		return key;
	};
}

/** The key of a scope, in the same form. */
export function scopeKeyText({ fragments }: ScopedRouteConfiguration_Key): string {
	return fragments.map(({ type }) => `${type.value ?? ""}${SEPARATOR}`).join("");
}

function compileExtractor(message: HeaderValueExtractor, at: FieldPath, problems: ProblemList): ScopeKeyOf {
	const { elementSeparator: separator, extractType: type } = message;
	const name = message.name.toLowerCase();
	if (name === "") problems.add("missing", at.field("name"), "the field is required");
	const elements = (value: string) => (separator === "" ? [value] : value.split(separator));
	if (type.case === undefined) {
		problems.add("missing", at, "the extractor takes nothing", "set index or element");
		return () => undefined;
	}
	if (type.case === "index") {
		const index = type.value;
		if (index !== 0 && separator === "")
			problems.add("invalid", at.field("index"), "without element_separator there is one element only");
		return ({ headers }) => {
			const value = headers.get(name);
			return value === undefined ? undefined : elements(value)[index];
		};
	}
	const { separator: inner, key } = type.value;
	for (const [field, value] of [["separator", inner] as const, ["key", key] as const])
		if (value === "") problems.add("missing", at.field("element").field(field), "the field is required");
	return ({ headers }) => {
		const value = headers.get(name);
		return value === undefined ? undefined : keyedValue(elements(value), key, inner);
	};
}

/** What stands behind the first separator of the first element with that key. */
function keyedValue(elements: readonly string[], key: string, separator: string): string | undefined {
	for (const element of elements) {
		const end = element.indexOf(separator);
		if ((end < 0 ? element : element.slice(0, end)) === key)
			return end < 0 ? "" : element.slice(end + separator.length);
	}
	return undefined;
}
