import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { FieldError } from "../definition.ts";
import { invalid } from "../field-error.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, text, textAt } from "../table/columns.ts";

/** Lease of coordination.k8s.io/v1. */
export const Lease = builtinKind({
	group: "coordination.k8s.io",
	kind: "Lease",
	columns: [text("Holder", (lease) => textAt(lease, "spec.holderIdentity")), AGE],
	validate(lease) {
		const spec = objectIn(lease, "spec");
		const path = fieldPath("spec");
		const errors: FieldError[] = [];
		const { leaseDurationSeconds: seconds, leaseTransitions: transitions } = spec;
		if (typeof seconds === "number" && seconds <= 0)
			errors.push(invalid(path.field("leaseDurationSeconds"), seconds, "must be greater than 0"));
		if (typeof transitions === "number" && transitions < 0)
			errors.push(invalid(path.field("leaseTransitions"), transitions, "must be greater than or equal to 0"));
		return { errors, warnings: [] };
	},
});
