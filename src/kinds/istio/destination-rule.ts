import { defineKind, type SpecOf } from "../define-kind.ts";
import { s } from "../schema-builder.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { exportTo, labelSelector, labels } from "./shared-fields.ts";
import { trafficPolicy } from "./traffic-policy.ts";

/** Policies for traffic to a service after routing, and its named subsets. */
export const DestinationRule = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "DestinationRule",
	plural: "destinationrules",
	shortNames: ["dr"],
	categories: NETWORKING_CATEGORIES,
	doc: "Policies for traffic to a service, applied after routing.",
	spec: s
		.object({
			host: s
				.string()
				.doc(
					"Service that the policies apply to: a registry name, short names completed with the rule's namespace, or a wildcard.",
				)
				.required(),
			trafficPolicy: trafficPolicy().doc("Policies for the whole service."),
			subsets: s
				.list(
					s.object({
						name: s.string().doc("Name that routes use.").required(),
						labels: labels().doc("Labels of the endpoints that belong to the subset."),
						trafficPolicy: trafficPolicy().doc("Policies for the subset; each block replaces the service's."),
					}),
				)
				.doc("Named sets of the service's endpoints, usually its versions."),
			exportTo: exportTo(),
			workloadSelector: labelSelector().doc("Client workloads that the rule applies to, in its own namespace."),
		})
		.doc("The policies."),
	columns: [
		{ name: "Host", type: "string", jsonPath: ".spec.host", description: "Service that the policies apply to." },
	],
});

export type DestinationRuleSpec = SpecOf<typeof DestinationRule>;
export type Subset = NonNullable<DestinationRuleSpec["subsets"]>[number];
export type TrafficPolicy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
