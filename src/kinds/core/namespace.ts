import { builtinKind } from "../builtin-kind.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, text, textAt } from "../table/columns.ts";
import { setDefault, setText } from "./pod-defaults.ts";
import { fieldText } from "./pod-status.ts";

/** Label by which selectors can name a namespace; the server keeps it. */
const NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name";

/** Namespace of the core group. */
export const Namespace = builtinKind({
	group: "",
	kind: "Namespace",
	nameFormat: "label",
	columns: [text("Status", (namespace) => textAt(namespace, "status.phase")), AGE],
	fields: { "status.phase": (namespace) => fieldText(namespace, "status.phase") },
	applyDefaults(namespace) {
		const { metadata } = namespace;
		if (metadata.name) metadata.labels = { ...metadata.labels, [NAMESPACE_NAME_LABEL]: metadata.name };
		const spec = objectIn(namespace, "spec");
		// A namespace that is being deleted has its finalizer taken away: it must not come back.
		if (!metadata.deletionTimestamp) setDefault(spec, "finalizers", ["kubernetes"]);
		const status = objectIn(namespace, "status");
		setText(status, "phase", "Active");
		Object.assign(namespace, { spec, status });
	},
});
