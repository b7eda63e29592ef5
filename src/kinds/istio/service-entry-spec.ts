import { s, type ValueOf } from "../schema-builder.ts";
import { exportTo, workloadEntry, workloadSelector } from "./shared-fields.ts";

/** What the `spec` of a ServiceEntry holds. */
export const serviceEntrySpec = s
	.object(
		{
			hosts: s.list(s.string(), { minItems: 1, maxItems: 256 }).doc("Names of the service.").required(),
			addresses: s
				.list(s.string({ maxLength: 64 }), { maxItems: 256 })
				.doc("Virtual addresses or CIDR blocks of the service."),
			ports: s
				.list(
					s.object({
						number: s.uint32().doc("Port number that clients use.").required(),
						protocol: s
							.string({ maxLength: 256 })
							.doc("HTTP, HTTPS, HTTP2, GRPC, MONGO, TCP or TLS; found out when absent."),
						name: s.string({ maxLength: 256 }).doc("Name of the port.").required(),
						targetPort: s.uint32().doc("Port of the endpoints, when it differs."),
					}),
					{ maxItems: 256 },
				)
				.doc("Ports of the service."),
			location: s
				.enumOf("MESH_EXTERNAL", "MESH_INTERNAL")
				.doc("Whether the service belongs to the mesh; external unless set."),
			resolution: s
				.enumOf("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS")
				.doc("How endpoints are found; NONE keeps the address that the client dialled."),
			endpoints: s.list(workloadEntry(), { maxItems: 4096 }).doc("Endpoints of the service."),
			workloadSelector: workloadSelector().doc("WorkloadEntries and pods that are the endpoints."),
			exportTo: exportTo(),
			subjectAltNames: s.list(s.string()).doc("Names that the servers' certificates must carry."),
		},
		[["workloadSelector", "endpoints"]],
	)
	.doc("The service.");

export type ServiceEntrySpec = ValueOf<typeof serviceEntrySpec>;
