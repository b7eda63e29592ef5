import { defineKind, type SpecOf } from "../define-kind.ts";
import { s } from "../schema-builder.ts";
import { labelSelector } from "./shared-fields.ts";

const mutualTls = () =>
	s.object({
		mode: s
			.enumOf("UNSET", "DISABLE", "PERMISSIVE", "STRICT")
			.doc("Which connections are accepted; UNSET inherits, PERMISSIVE takes both kinds."),
	});

/** Whether workloads ask for mutual TLS. */
export const PeerAuthentication = defineKind({
	group: "security.istio.io",
	versions: ["v1", "v1beta1"],
	kind: "PeerAuthentication",
	plural: "peerauthentications",
	shortNames: ["pa"],
	categories: ["istio-io", "security-istio-io"],
	doc: "Says whether workloads accept plain connections, mutual TLS or both.",
	spec: s
		.object({
			selector: labelSelector().doc("Workloads that it applies to; all of the namespace when absent."),
			mtls: mutualTls().doc("Mode of all ports."),
			portLevelMtls: s.map(mutualTls()).doc("Mode by workload port."),
		})
		.doc("The policy."),
	columns: [
		{ name: "Mode", type: "string", jsonPath: ".spec.mtls.mode", description: "Which connections are accepted." },
	],
});

export type PeerAuthenticationSpec = SpecOf<typeof PeerAuthentication>;
