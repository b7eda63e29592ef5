import { s, type ValueOf } from "../schema-builder.ts";
import { labels, serverTls } from "./shared-fields.ts";

const server = () =>
	s.object({
		port: s
			.object({
				number: s.uint32().doc("Port number that clients use.").required(),
				protocol: s.string().doc("HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, TCP or TLS.").required(),
				name: s.string().doc("Name of the port, unique in the Gateway.").required(),
				targetPort: s.uint32().doc("Not used any more."),
			})
			.doc("Port that the proxy listens on.")
			.required(),
		bind: s.string().doc("Address or `unix://` path to listen on."),
		hosts: s
			.list(s.string())
			.doc("Hosts that are exposed, `namespace/host`; the namespace limits whose VirtualServices may bind.")
			.required(),
		tls: serverTls().doc("TLS of the port."),
		defaultEndpoint: s.string().doc("Not supported by any proxy."),
		name: s.string().doc("Name of the server, used in statistics."),
	});

/** What the `spec` of a Gateway holds. */
export const gatewaySpec = s
	.object({
		servers: s.list(server()).doc("Ports to open."),
		selector: labels().doc("Labels of the gateway pods, in any namespace; all gateways when absent."),
	})
	.doc("The open ports.");

export type GatewaySpec = ValueOf<typeof gatewaySpec>;
export type GatewayServer = NonNullable<GatewaySpec["servers"]>[number];
