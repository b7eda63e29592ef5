import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { RE2JS } from "re2js";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { NodeMatcher } from "../../../xds/generated/envoy/type/matcher/v3/node_pb.ts";
import type { StringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import type { StructMatcher } from "../../../xds/generated/envoy/type/matcher/v3/struct_pb.ts";
import type { ValueMatcher } from "../../../xds/generated/envoy/type/matcher/v3/value_pb.ts";

type Test<T> = (value: T) => boolean;

/** True for nodes that one of the matchers takes; without matchers for all. Throws ConnectError (INVALID_ARGUMENT) on one that cannot be read. */
export function compileNodeMatchers(matchers: readonly NodeMatcher[]): Test<Node> {
	if (matchers.length === 0) return () => true;
	const tests = matchers.map(compileMatcher);
	return (node) => tests.some((test) => test(node));
}

function compileMatcher({ nodeId, nodeMetadatas }: NodeMatcher): Test<Node> {
	const id = nodeId ? compileString(nodeId) : () => true;
	const metadata = nodeMetadatas.map(compileStruct);
	return (node) => id(node.id) && metadata.every((test) => test(node.metadata ?? {}));
}

function compileStruct({ path, value }: StructMatcher): Test<JsonObject> {
	const keys = path.map(({ segment }) => segment.value ?? "");
	if (keys.length === 0 || !value) throw refused("a struct matcher needs a path and a value");
	const test = compileValue(value);
	return (struct) => {
		let found: JsonValue | undefined = struct;
		for (const key of keys) found = isObject(found) ? found[key] : undefined;
		return test(found);
	};
}

function compileValue({ matchPattern: pattern }: ValueMatcher): Test<JsonValue | undefined> {
	switch (pattern.case) {
		case "nullMatch":
			return (value) => value === null;
		case "boolMatch":
			return (value) => value === pattern.value;
		case "presentMatch":
			return (value) => (value !== undefined) === pattern.value;
		case "stringMatch": {
			const test = compileString(pattern.value);
			return (value) => typeof value === "string" && test(value);
		}
		case "doubleMatch": {
			const range = pattern.value.matchPattern;
			if (range.case === "exact") return (value) => value === range.value;
			if (range.case === undefined) throw refused("a double matcher says nothing");
			const { start, end } = range.value;
			return (value) => typeof value === "number" && value >= start && value < end;
		}
		case "listMatch": {
			const one = pattern.value.matchPattern.value;
			if (!one) throw refused("a list matcher says nothing");
			const test = compileValue(one);
			return (value) => Array.isArray(value) && value.some(test);
		}
		case "orMatch": {
			const tests = pattern.value.valueMatchers.map(compileValue);
			return (value) => tests.some((test) => test(value));
		}
		default:
			throw refused("a value matcher says nothing");
	}
}

function compileString({ matchPattern: pattern, ignoreCase }: StringMatcher): Test<string> {
	if (pattern.case === "safeRegex") {
		const regex = compileRegex(pattern.value.regex);
		return (text) => regex.matches(text);
	}
	if (pattern.case === undefined || pattern.case === "custom")
		throw refused("a string matcher of this kind is unknown");
	const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
	const wanted = fold(pattern.value);
	switch (pattern.case) {
		case "exact":
			return (text) => fold(text) === wanted;
		case "prefix":
			return (text) => fold(text).startsWith(wanted);
		case "suffix":
			return (text) => fold(text).endsWith(wanted);
		case "contains":
			return (text) => fold(text).includes(wanted);
	}
}

function compileRegex(text: string): RE2JS {
	try {
		return RE2JS.compile(text);
	} catch (error) {
		throw refused(`"${text}" is no regular expression (${(error as Error).message})`);
	}
}

function refused(what: string): ConnectError {
	return new ConnectError(what, Code.InvalidArgument);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
