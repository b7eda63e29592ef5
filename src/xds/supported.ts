import { type DescField, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type Problem, ProblemError, problem } from "../lib/problem.ts";
import { extensionTypeUrl, fromTypedStruct, readTypedStruct } from "./any.ts";
import { xdsRegistry } from "./registry.ts";
import { typeNameOf } from "./type-urls.ts";

/**
 * Message type → names (proto, snake_case) of the fields that some room obeys. `"*"`: the message is data that is carried or read whole
 * (Struct, metadata, durations); what lies below it is not walked.
 */
export type SupportedFields = Readonly<Record<string, readonly string[] | "*">>;

/** Joins the tables of several rooms; fields of a message that several rooms read add up. */
export function mergeSupported(...tables: readonly SupportedFields[]): SupportedFields {
	const merged: Record<string, readonly string[] | "*"> = {};
	for (const table of tables) {
		for (const [message, fields] of Object.entries(table)) {
			const before = merged[message] ?? [];
			merged[message] = before === "*" || fields === "*" ? "*" : [...before, ...fields];
		}
	}
	return merged;
}

/**
 * A problem for every set field that nobody obeys, with its path (`filter_chains[0].filters[0].typed_config.via`): nothing is ignored silently.
 * A field counts as set when it differs from proto3's zero value or has presence.
 */
export function findUnsupported(desc: DescMessage, message: Message, supported: SupportedFields, path = ""): Problem[] {
	const problems: Problem[] = [];
	walk(reflect(desc, message), path, { supported, problems });
	return problems;
}

interface Walk {
	readonly supported: SupportedFields;
	readonly problems: Problem[];
}

function walk(message: ReflectMessage, path: string, on: Walk): void {
	const typeName = message.desc.typeName;
	if (typeName === "google.protobuf.Any") {
		walkAny(message.message as Any, path, on);
		return;
	}
	const fields = typeName.startsWith("google.protobuf.") ? "*" : on.supported[typeName];
	if (fields === "*") return;
	for (const field of message.desc.fields) {
		if (!message.isSet(field) || isDispensable(message, field, on)) continue;
		const at = path === "" ? field.name : `${path}.${field.name}`;
		if (!fields?.includes(field.name)) {
			on.problems.push(
				problem("LTN3001", at, `${typeName}.${field.name} is not implemented by this proxy`, "remove the field"),
			);
		} else walkValue(message, field, at, on);
	}
	const unknown = message.getUnknown();
	if (unknown && unknown.length > 0) {
		const numbers = [...new Set(unknown.map((u) => u.no))].join(", ");
		on.problems.push(problem("LTN3002", path, `${typeName} has unknown fields (numbers ${numbers})`, "remove them"));
	}
}

/** Messages that carry an extension which the configuration may say it can do without. */
const MAY_BE_OPTIONAL = new Set([
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
	"envoy.config.route.v3.FilterConfig",
]);

/** True for an extension of a type that nobody knows and that is marked `is_optional`: Envoy passes over it too. */
function isDispensable(message: ReflectMessage, field: DescField, { supported }: Walk): boolean {
	if (!MAY_BE_OPTIONAL.has(message.desc.typeName) || field.message?.typeName !== "google.protobuf.Any") return false;
	const optional = message.desc.fields.find(({ name }) => name === "is_optional");
	if (!optional || !message.isSet(optional)) return false;
	const any = (message.get(field) as ReflectMessage).message as Any;
	return !(typeNameOf(any.typeUrl) in supported);
}

function walkValue(message: ReflectMessage, field: DescField, at: string, on: Walk): void {
	if (field.fieldKind === "message") walk(message.get(field), at, on);
	else if (field.fieldKind === "list" && field.listKind === "message") {
		let i = 0;
		for (const item of message.get(field)) walk(item as ReflectMessage, `${at}[${i++}]`, on);
	} else if (field.fieldKind === "map" && field.mapKind === "message") {
		for (const [key, value] of message.get(field)) walk(value as ReflectMessage, `${at}[${String(key)}]`, on);
	}
}

function walkAny(any: Any, path: string, on: Walk): void {
	// An empty Any says nothing that could be ignored.
	if (any.typeUrl === "" && any.value.length === 0) return;
	const struct = readTypedStruct(any);
	const inner = struct && xdsRegistry().getMessage(typeNameOf(struct.typeUrl));
	const desc = inner ?? xdsRegistry().getMessage(typeNameOf(any.typeUrl));
	if (!desc || !(desc.typeName in on.supported)) {
		on.problems.push(
			problem(
				"LTN3003",
				path,
				`the type ${extensionTypeUrl(any) || '""'} is not implemented by this proxy`,
				"remove the extension",
			),
		);
		return;
	}
	const message = inner ? readInner(struct, inner, path, on) : fromBinary(desc, any.value);
	if (message) walk(reflect(desc, message), path, on);
}

function readInner(
	struct: NonNullable<ReturnType<typeof readTypedStruct>>,
	desc: DescMessage,
	path: string,
	{ problems }: Walk,
): Message | undefined {
	try {
		return fromTypedStruct(struct, desc);
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems.map((one) => ({ ...one, path })));
		return undefined;
	}
}
