import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { FieldError, JsonSchema } from "../definition.ts";
import { required } from "../field-error.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { childrenOf, isObject } from "./schema-path.ts";

/**
 * Members that the published schema calls required though Kubernetes takes an object without them (Go's nil slice or
 * zero time): definition name's last part and member.
 */
const ACCEPTED_WITHOUT = new Set([
	"EndpointSlice.endpoints",
	"TokenRequestSpec.audiences",
	"Event.eventTime",
	"EventSeries.lastObservedTime",
	"Condition.lastTransitionTime",
	"CustomResourceDefinitionSpec.versions",
	"HTTPIngressPath.pathType",
]);

/**
 * Required members of a built-in object that are missing, `status` left out (whoever writes it is trusted, as upstream).
 * Scalars and structs always have a zero default; what remains are lists, pointers and a few texts.
 */
export function findMissingFields(schema: JsonSchema, object: unknown): FieldError[] {
	const errors: FieldError[] = [];
	walk(schema, object, fieldPath(), errors);
	return errors;
}

function walk(schema: JsonSchema, value: unknown, path: FieldPath, errors: FieldError[]): void {
	const node = resolveSchema(schema);
	if (isObject(value)) {
		const type = typeName(schema);
		for (const name of node.required ?? []) {
			const member = value[name];
			const isMissing = member === undefined || member === null || (Array.isArray(member) && member.length === 0);
			if (isMissing && !ACCEPTED_WITHOUT.has(`${type}.${name}`)) errors.push(required(path.field(name)));
		}
	}
	for (const child of rawChildren(node, value, path)) {
		if (child.path.toString() !== "status") walk(child.schema, child.value, child.path, errors);
	}
}

/** As `childrenOf`, but with references unresolved, so that the definition's name can be read. */
function* rawChildren(node: JsonSchema, value: unknown, path: FieldPath) {
	for (const child of childrenOf(node, value, path)) {
		const name = child.path.toString().slice(path.toString() === "" ? 0 : path.toString().length + 1);
		const raw = Array.isArray(value) ? node.items : (node.properties?.[name] ?? node.additionalProperties);
		yield { ...child, schema: typeof raw === "object" ? raw : child.schema };
	}
}

function typeName(schema: JsonSchema): string {
	return schema.$ref?.split(".").at(-1) ?? "";
}
