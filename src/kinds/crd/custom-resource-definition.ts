import { builtinKind } from "../builtin-kind.ts";
import { objectsIn, setDefault, setText } from "../core/pod-defaults.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { CREATED_AT } from "../table/columns.ts";
import { validateCrd } from "./crd-validation.ts";

/** CustomResourceDefinition of apiextensions.k8s.io/v1. Its conditions are the API server's to write. */
export const CustomResourceDefinition = builtinKind({
	group: "apiextensions.k8s.io",
	kind: "CustomResourceDefinition",
	hasGeneration: true,
	columns: [CREATED_AT],
	applyDefaults(crd) {
		if (!isObject(crd.spec)) return;
		const { spec } = crd;
		applyNameDefaults(objectIn(spec, "names"));
		setDefault(spec, "conversion", { strategy: "None" });
		for (const version of objectsIn(spec, "versions")) setDefault(version, "served", false);
	},
	validate: (crd, old) => ({ errors: validateCrd(crd, old), warnings: [] }),
});

function applyNameDefaults(names: JsonObject): void {
	if (typeof names.kind !== "string") return;
	setText(names, "singular", names.kind.toLowerCase());
	setText(names, "listKind", `${names.kind}List`);
}
