import { s, type ValueOf } from "../schema-builder.ts";
import { exportTo, labelSelector, labels } from "./shared-fields.ts";
import { trafficPolicy } from "./traffic-policy.ts";

/** What the `spec` of a DestinationRule holds. */
export const destinationRuleSpec = s
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
	.doc("The policies.");

export type DestinationRuleSpec = ValueOf<typeof destinationRuleSpec>;
export type Subset = NonNullable<DestinationRuleSpec["subsets"]>[number];
export type TrafficPolicy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
