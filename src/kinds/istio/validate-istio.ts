import { type Problem, problem } from "../../lib/problem.ts";
import type { Findings } from "../define-kind.ts";
import type { FieldError } from "../definition.ts";
import type { KubeObject } from "../object.ts";
import { findListDuplicates } from "../schema/list-duplicates.ts";
import { findUnknownFields } from "../schema/unknown-fields.ts";
import { validateSchema } from "../schema/validate-schema.ts";
import { istioKinds } from "./istio-kinds.ts";
import { unknownFieldHint } from "./unknown-field-hints.ts";

/**
 * Everything that is wrong with an Istio object: unknown fields, schema, then semantics (which read typed members, so they
 * wait until the schema is satisfied). `strict` refuses what Istio refuses though Lateen's default is kinder.
 * An object of another group gives a problem too: whoever calls this believes it to be Istio's.
 */
export function validateIstio(object: KubeObject, options: { readonly strict: boolean }): Findings {
	const kind = istioKinds.find(
		(k) => k.kind === object.kind && k.versions.some((version) => object.apiVersion === `${k.group}/${version}`),
	);
	if (!kind)
		return {
			errors: [problem("LTN1011", "", `no Istio kind ${object.kind} in version ${object.apiVersion}`)],
			warnings: [],
		};
	const unknown = findUnknownFields(kind.schema, object).map((path) =>
		problem("LTN1010", path, `unknown field ${JSON.stringify(path)}`, unknownFieldHint(kind, path)),
	);
	const structural: FieldError[] = [...validateSchema(kind.schema, object), ...findListDuplicates(kind.schema, object)];
	const reserved = checkAnnotations(object);
	if (structural.length > 0) return { errors: [...unknown, ...reserved, ...structural], warnings: [] };
	const { errors, warnings } = kind.check(object, options.strict);
	return { errors: [...unknown, ...reserved, ...errors], warnings };
}

const DRY_RUN = "istio.io/dry-run";

/** Annotations that only the control plane itself may write. */
const INTERNAL = [
	"internal.istio.io/webhook-always-reject",
	"internal.istio.io/parents",
	"internal.istio.io/parent-namespace",
];

function checkAnnotations({ kind, metadata }: KubeObject): Problem[] {
	const annotations = metadata?.annotations ?? {};
	const refused = INTERNAL.filter((name) => Object.hasOwn(annotations, name));
	if (kind !== "AuthorizationPolicy" && Object.hasOwn(annotations, DRY_RUN)) refused.push(DRY_RUN);
	return refused.map((name) =>
		problem(
			"LTN1110",
			`metadata.annotations[${name}]`,
			`the annotation ${name} is not possible on a ${kind}`,
			"remove it",
		),
	);
}
