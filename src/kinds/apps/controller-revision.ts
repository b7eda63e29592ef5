import { parseApiVersion } from "../api-version.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { AGE, integer, numberAt, text } from "../table/columns.ts";

/** ControllerRevision of apps/v1. */
export const ControllerRevision = builtinKind({
	group: "apps",
	kind: "ControllerRevision",
	columns: [text("Controller", controllerName), integer("Revision", (revision) => numberAt(revision, "revision")), AGE],
});

function controllerName({ metadata }: KubeObject): string {
	const owner = metadata.ownerReferences?.find(({ controller }) => controller);
	if (!owner) return "<none>";
	const { group } = parseApiVersion(owner.apiVersion);
	return `${owner.kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${owner.name}`;
}
