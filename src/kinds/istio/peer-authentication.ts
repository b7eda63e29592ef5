import { defineKind } from "../define-kind.ts";
import { checkPeerAuthentication } from "./check/peer-authentication-check.ts";
import { peerAuthenticationSpec } from "./peer-authentication-spec.ts";

/** Whether workloads ask for mutual TLS. */
export const PeerAuthentication = defineKind({
	group: "security.istio.io",
	versions: ["v1", "v1beta1"],
	kind: "PeerAuthentication",
	plural: "peerauthentications",
	shortNames: ["pa"],
	categories: ["istio-io", "security-istio-io"],
	doc: "Says whether workloads accept plain connections, mutual TLS or both.",
	spec: peerAuthenticationSpec,
	columns: [
		{ name: "Mode", type: "string", jsonPath: ".spec.mtls.mode", description: "Which connections are accepted." },
	],
	check: checkPeerAuthentication,
});
