import { s, type ValueOf } from "../schema-builder.ts";
import { destination, exportTo, labels } from "./shared-fields.ts";
import { httpRoute } from "./virtual-service-http.ts";

const weightedDestination = () =>
	s.object({
		destination: destination().doc("Where the connections go.").required(),
		weight: s.int32().doc("Share relative to the other destinations."),
	});

const l4Match = () =>
	({
		destinationSubnets: s.list(s.string()).doc("Addresses or CIDR blocks that the client dialled."),
		port: s.uint32().doc("Port that the client addressed."),
		sourceLabels: labels().doc("Labels that the calling workload must carry."),
		gateways: s.list(s.string()).doc("Gateways to which this match applies; replaces the rule's list."),
		sourceNamespace: s.string().doc("Namespace of the calling workload."),
	}) as const;

const tlsRoute = () =>
	s.object({
		match: s
			.list(
				s.object({
					sniHosts: s.list(s.string()).doc("Server names of the TLS handshake, wildcards allowed.").required(),
					...l4Match(),
				}),
			)
			.doc("Blocks of conditions: one block must hold in full.")
			.required(),
		route: s.list(weightedDestination()).doc("Destinations among which connections are shared by weight."),
	});

const tcpRoute = () =>
	s.object({
		match: s
			.list(s.object({ ...l4Match(), sourceSubnet: s.string().doc("Not supported by any proxy.") }))
			.doc("Blocks of conditions: one block must hold in full. None at all matches everything."),
		route: s.list(weightedDestination()).doc("Destinations among which connections are shared by weight."),
	});

/** What the `spec` of a VirtualService holds. */
export const virtualServiceSpec = s
	.object({
		hosts: s
			.list(s.string())
			.doc(
				"Hosts that the rules apply to: names, wildcards such as `*.foo.com`, or IP addresses. Empty for a delegate.",
			),
		gateways: s
			.list(s.string())
			.doc("Gateways (`namespace/name`) and sidecars (`mesh`) that the rules apply to; only `mesh` when absent."),
		http: s.list(httpRoute()).doc("Ordered rules for HTTP traffic; the first that matches is used."),
		tls: s.list(tlsRoute()).doc("Ordered rules for TLS that is passed through, by server name."),
		tcp: s.list(tcpRoute()).doc("Ordered rules for opaque TCP traffic."),
		exportTo: exportTo(),
	})
	.doc("The routing rules.");

export type VirtualServiceSpec = ValueOf<typeof virtualServiceSpec>;
export type HttpRoute = NonNullable<VirtualServiceSpec["http"]>[number];
export type HttpMatch = NonNullable<HttpRoute["match"]>[number];
export type TlsRoute = NonNullable<VirtualServiceSpec["tls"]>[number];
export type TcpRoute = NonNullable<VirtualServiceSpec["tcp"]>[number];
