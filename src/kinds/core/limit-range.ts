import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { listAt, text } from "../table/columns.ts";
import { checkEnum } from "./field-rules.ts";

/** LimitRange of the core group. */
export const LimitRange = builtinKind({
	group: "",
	kind: "LimitRange",
	columns: [{ ...text("Created At", ({ metadata }) => metadata.creationTimestamp ?? null), type: "date" }],
	validate: (range) => ({
		errors: listAt<{ type?: string }>(range, "spec.limits").flatMap(({ type }, i) =>
			checkEnum(
				type,
				["Container", "PersistentVolumeClaim", "Pod"],
				fieldPath("spec").field("limits").index(i).field("type"),
			),
		),
		warnings: [],
	}),
});
