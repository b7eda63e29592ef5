import { s, type ValueOf } from "../schema-builder.ts";
import { labelSelector } from "./shared-fields.ts";

const mutualTls = () =>
	s.object({
		mode: s
			.enumOf("UNSET", "DISABLE", "PERMISSIVE", "STRICT")
			.doc("Which connections are accepted; UNSET inherits, PERMISSIVE takes both kinds."),
	});

/** What the `spec` of a PeerAuthentication holds. */
export const peerAuthenticationSpec = s
	.object({
		selector: labelSelector().doc("Workloads that it applies to; all of the namespace when absent."),
		mtls: mutualTls().doc("Mode of all ports."),
		portLevelMtls: s.map(mutualTls()).doc("Mode by workload port."),
	})
	.doc("The policy.");

export type PeerAuthenticationSpec = ValueOf<typeof peerAuthenticationSpec>;
