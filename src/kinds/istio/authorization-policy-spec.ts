import { s, type ValueOf } from "../schema-builder.ts";
import { POLICY_TARGETS_ONE_OF, policyTargets } from "./shared-fields.ts";

const texts = (doc: string) => s.list(s.string()).doc(doc);

const source = () =>
	s.object({
		principals: texts("Peer identities, `trust-domain/ns/namespace/sa/account`; `*` at one end."),
		notPrincipals: texts("Peer identities that must not be the caller's."),
		requestPrincipals: texts("Token identities, `issuer/subject`."),
		notRequestPrincipals: texts("Token identities that must not be the request's."),
		namespaces: texts("Namespaces of the caller."),
		notNamespaces: texts("Namespaces that must not be the caller's."),
		serviceAccounts: s
			.list(s.string({ maxLength: 320 }), { maxItems: 16 })
			.doc("Service accounts of the caller, `namespace/account`."),
		notServiceAccounts: s
			.list(s.string({ maxLength: 320 }), { maxItems: 16 })
			.doc("Service accounts that must not be the caller's."),
		trustDomains: texts("Trust domains of the caller."),
		notTrustDomains: texts("Trust domains that must not be the caller's."),
		ipBlocks: texts("Addresses or CIDR blocks of the connection's peer."),
		notIpBlocks: texts("Addresses or CIDR blocks that must not be the peer's."),
		remoteIpBlocks: texts("Addresses or CIDR blocks of the first client, from X-Forwarded-For or PROXY protocol."),
		notRemoteIpBlocks: texts("Addresses or CIDR blocks that must not be the first client's."),
	});

const operation = () =>
	s.object({
		hosts: texts("Hosts of the request."),
		notHosts: texts("Hosts that must not be the request's."),
		ports: texts("Ports of the workload."),
		notPorts: texts("Ports that must not be used."),
		methods: texts("HTTP methods."),
		notMethods: texts("HTTP methods that must not be used."),
		paths: texts("Paths; `*` at one end, or a template with `{*}` and `{**}`."),
		notPaths: texts("Paths that must not be asked for."),
	});

const rule = () =>
	s.object({
		from: s
			.list(s.object({ source: source().doc("Properties of the caller, all of which must hold.") }), { maxItems: 512 })
			.doc("Callers: one entry must hold."),
		to: s
			.list(s.object({ operation: operation().doc("Properties of the request, all of which must hold.") }))
			.doc("Requests: one entry must hold."),
		when: s
			.list(
				s.object({
					key: s.string().doc("Attribute, such as `request.headers[x-token]`.").required(),
					values: texts("Values of which the attribute must have one."),
					notValues: texts("Values that the attribute must not have."),
				}),
			)
			.doc("Further conditions: all must hold."),
	});

/** What the `spec` of a AuthorizationPolicy holds. */
export const authorizationPolicySpec = s
	.object(
		{
			...policyTargets(),
			rules: s.list(rule(), { maxItems: 512 }).doc("Rules: one must hold for the policy to match."),
			action: s.enumOf("ALLOW", "DENY", "AUDIT", "CUSTOM").doc("What a match means; ALLOW unless set."),
			provider: s
				.object({ name: s.string().doc("Name of an extension provider of the mesh.") })
				.doc("Who decides, for CUSTOM."),
		},
		[POLICY_TARGETS_ONE_OF],
	)
	.doc("The policy.");

export type AuthorizationPolicySpec = ValueOf<typeof authorizationPolicySpec>;
