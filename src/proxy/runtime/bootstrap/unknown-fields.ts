import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";

const WELL_KNOWN = "google.protobuf.";

/**
 * Every key in proto3 JSON that its message does not have, and every Any of an unknown type: protobuf's own reader stops at
 * the first and knows no path.
 */
export function findUnknownFields(desc: DescMessage, json: unknown): Problem[] {
	const problems: Problem[] = [];
	walkMessage(desc, json, fieldPath(), problems);
	return problems;
}

function walkMessage(desc: DescMessage, json: unknown, at: FieldPath, problems: Problem[]): void {
	if (!isObject(json)) return; // a wrong type is fromJson's to tell
	if (desc.typeName === "google.protobuf.Any") walkAny(json, at, problems);
	else if (!desc.typeName.startsWith(WELL_KNOWN)) walkFields(desc, json, at, problems);
}

function walkFields(
	desc: DescMessage,
	json: Readonly<Record<string, unknown>>,
	at: FieldPath,
	problems: Problem[],
): void {
	for (const [key, value] of Object.entries(json)) {
		const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
		if (field) walkValue(field, value, at.field(key), problems);
		else
			problems.push(
				problem("LTN3501", String(at.field(key)), `${desc.typeName} has no field "${key}"`, nearest(desc, key)),
			);
	}
}

function walkValue(field: DescField, value: unknown, at: FieldPath, problems: Problem[]): void {
	if (field.fieldKind === "message") walkMessage(field.message, value, at, problems);
	else if (field.fieldKind === "list" && field.listKind === "message" && Array.isArray(value)) {
		for (const [i, item] of value.entries()) walkMessage(field.message, item, at.index(i), problems);
	} else if (field.fieldKind === "map" && field.mapKind === "message" && isObject(value)) {
		for (const [key, item] of Object.entries(value)) walkMessage(field.message, item, at.key(key), problems);
	}
}

function walkAny(json: Readonly<Record<string, unknown>>, at: FieldPath, problems: Problem[]): void {
	const { "@type": typeUrl, ...rest } = json;
	// An empty Any is the zero value, and some fields have a meaning for it.
	if (typeUrl === undefined && Object.keys(rest).length === 0) return;
	if (typeof typeUrl !== "string") {
		problems.push(problem("LTN3502", String(at), 'an extension needs its "@type"'));
		return;
	}
	const desc = xdsRegistry().getMessage(typeNameOf(typeUrl));
	if (desc) walkMessage(desc, rest, at, problems);
	else
		problems.push(
			problem("LTN3503", String(at), `the type "${typeUrl}" is not known to this proxy`, "remove the extension"),
		);
}

function nearest(desc: DescMessage, key: string): string {
	const plain = (text: string) => text.replaceAll(/[_-]/g, "").toLowerCase();
	const near = desc.fields.find(({ name }) => plain(name) === plain(key) || plain(name).startsWith(plain(key)));
	return near ? `perhaps ${near.name} is meant` : "remove it";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
