import { formatApiVersion, parseApiVersion } from "./api-version.ts";
import { schemaOf } from "./catalogue.ts";
import type { FieldError, JsonSchema, KindDefinition } from "./definition.ts";
import { validateMetadata } from "./metadata-validation.ts";
import type { KubeObject } from "./object.ts";
import { applySchemaDefaults } from "./schema/defaults.ts";
import { findListDuplicates } from "./schema/list-duplicates.ts";
import { findMissingFields } from "./schema/required-fields.ts";
import { findTypeErrors } from "./schema/type-errors.ts";
import { validateSchema } from "./schema/validate-schema.ts";

/** Outcome of validating one object; errors refuse it, warnings go into `Warning:` headers. */
export interface Validation {
	readonly errors: readonly FieldError[];
	readonly warnings: readonly string[];
}

/**
 * Values of the wrong JSON type, in the words of Go's decoder: the object is refused with 400. Custom kinds are typed by
 * their schema in validation (422); only their metadata is decoded into a Go type.
 */
export function findDecodeErrors(kind: KindDefinition, version: string, object: KubeObject): string[] {
	if (kind.origin === "builtin") return findTypeErrors(schemaOf(kind, version), object);
	return findTypeErrors(METADATA_ONLY, object);
}

const METADATA_ONLY: JsonSchema = {
	type: "object",
	properties: { metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" } },
};

/** Fills all defaults in place: the schema's, then what the kind computes (clusterIP and names are the API server's). */
export function applyDefaults(kind: KindDefinition, version: string, object: KubeObject): void {
	applySchemaDefaults(schemaOf(kind, version), object);
	kind.applyDefaults?.(object);
}

/**
 * Everything that makes an object invalid (422): metadata, schema, list rules, the kind's own rules. The object must be
 * decoded and defaulted before: `findDecodeErrors` and `findUnknownFields` belong to decoding (400).
 */
export function validateObject(
	kind: KindDefinition,
	version: string,
	object: KubeObject,
	old?: KubeObject,
): Validation {
	const metadata = validateMetadata(kind, object, old);
	const schema = schemaOf(kind, version);
	const structural =
		kind.origin === "custom"
			? [...validateSchema(schema, object), ...findListDuplicates(schema, object)]
			: findMissingFields(schema, object);
	// A kind's own rules read typed members: with a broken structure they would only stumble over it.
	const isBroken = kind.origin === "custom" && structural.length > 0;
	const own = isBroken ? undefined : kind.validate?.(object, old);
	return {
		errors: withoutRepeats([...metadata, ...(own?.errors ?? []), ...structural]),
		warnings: own?.warnings ?? [],
	};
}

/** The generic required check and a kind's own may find the same field. */
function withoutRepeats(errors: readonly FieldError[]): FieldError[] {
	const seen = new Set<string>();
	return errors.filter(({ path, reason, kubernetesText }) => {
		const key = reason === "FieldValueRequired" ? `${path} ${reason}` : `${path} ${kubernetesText}`;
		return seen.has(key) ? false : seen.add(key);
	});
}

/** The same object in another served version of its kind; the argument is not changed. */
export function convertObject(kind: KindDefinition, object: KubeObject, toVersion: string): KubeObject {
	if (parseApiVersion(object.apiVersion).version === toVersion) return object;
	if (kind.convert) return kind.convert(object, toVersion);
	return { ...object, apiVersion: formatApiVersion(kind.group, toVersion) };
}
