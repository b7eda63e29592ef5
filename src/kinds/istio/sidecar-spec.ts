import { s, type ValueOf } from "../schema-builder.ts";
import { connectionPool, destination, serverTls, workloadSelector } from "./shared-fields.ts";

const sidecarPort = () =>
	s.object({
		number: s.uint32().doc("Port number."),
		protocol: s.string().doc("Protocol of the port."),
		name: s.string().doc("Name of the port."),
		targetPort: s.uint32().doc("Not used."),
	});

const captureMode = () =>
	s.enumOf("DEFAULT", "IPTABLES", "NONE").doc("How traffic reaches the listener; NONE opens a real socket.");

/** What the `spec` of a Sidecar holds. */
export const sidecarSpec = s
	.object({
		workloadSelector: workloadSelector().doc("Workloads that it applies to; all of the namespace when absent."),
		ingress: s
			.list(
				s.object({
					port: sidecarPort().doc("Port that receives traffic.").required(),
					bind: s.string().doc("Address to listen on."),
					captureMode: captureMode(),
					defaultEndpoint: s
						.string()
						.doc("Where the application listens: `127.0.0.1:port`, `0.0.0.0:port` or `unix://path`."),
					tls: serverTls().doc("TLS of the port, where mesh mTLS is off."),
					connectionPool: connectionPool().doc("Limits of connections to the application."),
				}),
			)
			.doc("Listeners for inbound traffic; found from the services when absent."),
		egress: s
			.list(
				s.object({
					port: sidecarPort().doc("Port of the listener."),
					bind: s.string().doc("Address or `unix://` path to listen on."),
					captureMode: captureMode(),
					hosts: s.list(s.string()).doc("Services that are reachable, `namespace/host`.").required(),
				}),
			)
			.doc("Listeners for outbound traffic; everything is reachable when absent."),
		inboundConnectionPool: connectionPool().doc("Limits for all inbound ports."),
		outboundTrafficPolicy: s
			.object({
				mode: s
					.enumOf("REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS")
					.doc("What happens to destinations that the registry does not know."),
				egressProxy: destination().doc("Proxy for unknown destinations."),
			})
			.doc("Policy for unknown destinations; the mesh's when absent."),
	})
	.doc("The limits.");

export type SidecarSpec = ValueOf<typeof sidecarSpec>;
