import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkName } from "../core/field-rules.ts";
import { labelRule } from "../name-rules.ts";
import { AGE, text, textAt } from "../table/columns.ts";

/** RuntimeClass of node.k8s.io/v1. */
export const RuntimeClass = builtinKind({
	group: "node.k8s.io",
	kind: "RuntimeClass",
	columns: [text("Handler", (runtime) => textAt(runtime, "handler")), AGE],
	validate: (runtime) => ({ errors: checkName(runtime.handler, labelRule, fieldPath("handler")), warnings: [] }),
});
