import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum, checkImmutable } from "../core/field-rules.ts";
import { objectsIn, setText } from "../core/pod-defaults.ts";
import type { Column, FieldError } from "../definition.ts";
import { required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, listAt, text, textAt, wide } from "../table/columns.ts";

const GROUP = "rbac.authorization.k8s.io";

interface Subject {
	readonly kind: string;
	readonly name: string;
	readonly namespace?: string;
}

function subjects(binding: KubeObject, kind: string): string {
	return listAt<Subject>(binding, "subjects")
		.filter((subject) => subject.kind === kind)
		.map(({ namespace, name }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
		.join(", ");
}

const columns: readonly Column[] = [
	text("Role", (binding) => `${textAt(binding, "roleRef.kind")}/${textAt(binding, "roleRef.name")}`),
	AGE,
	wide(text("Users", (binding) => subjects(binding, "User"))),
	wide(text("Groups", (binding) => subjects(binding, "Group"))),
	wide(text("ServiceAccounts", (binding) => subjects(binding, "ServiceAccount"))),
];

function applyBindingDefaults(binding: KubeObject): void {
	const roleRef = objectIn(binding, "roleRef");
	setText(roleRef, "apiGroup", GROUP);
	binding.roleRef = roleRef;
	for (const subject of objectsIn(binding as unknown as JsonObject, "subjects")) {
		if (subject.kind === "User" || subject.kind === "Group") setText(subject, "apiGroup", GROUP);
	}
}

function validateBinding(roleKinds: readonly string[]) {
	return (binding: KubeObject, old: KubeObject | undefined) => {
		const roleRef = objectIn(binding, "roleRef");
		const path = fieldPath("roleRef");
		const errors: FieldError[] = checkEnum(roleRef.kind, roleKinds, path.field("kind"));
		if (!roleRef.name) errors.push(required(path.field("name")));
		for (const [i, subject] of objectsIn(binding as unknown as JsonObject, "subjects").entries()) {
			const at = fieldPath("subjects").index(i);
			errors.push(...checkEnum(subject.kind, ["ServiceAccount", "User", "Group"], at.field("kind")));
			if (!subject.name) errors.push(required(at.field("name")));
			if (subject.kind === "ServiceAccount" && !subject.namespace) errors.push(required(at.field("namespace")));
		}
		if (old)
			errors.push(
				...checkImmutable(roleRef, old.roleRef, path).map((error) => ({
					...error,
					kubernetesText: error.kubernetesText.replace("field is immutable", "cannot change roleRef"),
				})),
			);
		return { errors, warnings: [] };
	};
}

/** RoleBinding of rbac.authorization.k8s.io/v1. */
export const RoleBinding = builtinKind({
	group: GROUP,
	kind: "RoleBinding",
	nameFormat: "pathSegment",
	columns,
	applyDefaults: applyBindingDefaults,
	validate: validateBinding(["Role", "ClusterRole"]),
});

/** ClusterRoleBinding of rbac.authorization.k8s.io/v1. */
export const ClusterRoleBinding = builtinKind({
	group: GROUP,
	kind: "ClusterRoleBinding",
	nameFormat: "pathSegment",
	columns,
	applyDefaults: applyBindingDefaults,
	validate: validateBinding(["ClusterRole"]),
});
