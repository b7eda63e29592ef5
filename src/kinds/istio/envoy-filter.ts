import { defineKind } from "../define-kind.ts";
import { checkEnvoyFilter } from "./check/envoy-filter-check.ts";
import { envoyFilterSpec } from "./envoy-filter-spec.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP } from "./networking-group.ts";

/** Changes to the generated proxy configuration. */
export const EnvoyFilter = defineKind({
	group: NETWORKING_GROUP,
	versions: ["v1alpha3"],
	kind: "EnvoyFilter",
	plural: "envoyfilters",
	categories: NETWORKING_CATEGORIES,
	doc: "Patches to the proxy configuration that the control plane generates.",
	spec: envoyFilterSpec,
	check: checkEnvoyFilter,
});
