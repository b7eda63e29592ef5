import { defineKind } from "../define-kind.ts";
import { checkDestinationRule } from "./check/destination-rule-check.ts";
import { destinationRuleSpec } from "./destination-rule-spec.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";

/** Policies for traffic to a service after routing, and its named subsets. */
export const DestinationRule = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "DestinationRule",
	plural: "destinationrules",
	shortNames: ["dr"],
	categories: NETWORKING_CATEGORIES,
	doc: "Policies for traffic to a service, applied after routing.",
	spec: destinationRuleSpec,
	columns: [
		{ name: "Host", type: "string", jsonPath: ".spec.host", description: "Service that the policies apply to." },
	],
	check: checkDestinationRule,
});
