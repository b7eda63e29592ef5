import { s, type ValueOf } from "../schema-builder.ts";
import { labels, workloadEntry } from "./shared-fields.ts";

const probe = () =>
	s.object(
		{
			initialDelaySeconds: s.int32().doc("Wait before the first probe."),
			timeoutSeconds: s.int32().doc("Longest wait for an answer."),
			periodSeconds: s.int32().doc("Time between probes."),
			successThreshold: s.int32().doc("Successes in a row that make the workload healthy."),
			failureThreshold: s.int32().doc("Failures in a row that make it unhealthy."),
			httpGet: s
				.object({
					path: s.string().doc("Path to ask for."),
					port: s.uint32().doc("Port to ask on.").required(),
					host: s.string().doc("Host to connect to."),
					scheme: s.string().doc("HTTP or HTTPS."),
					httpHeaders: s
						.list(s.object({ name: s.string().doc("Header name."), value: s.string().doc("Header value.") }))
						.doc("Headers to send."),
				})
				.doc("Probe by an HTTP request."),
			tcpSocket: s
				.object({ host: s.string().doc("Host to connect to."), port: s.uint32().doc("Port to connect to.").required() })
				.doc("Probe by a connection."),
			exec: s
				.object({ command: s.list(s.string()).doc("Program and arguments.").required() })
				.doc("Probe by a program."),
			grpc: s
				.object({ service: s.string().doc("Service to ask about."), port: s.uint32().doc("Port to ask on.") })
				.doc("Probe by gRPC's health service."),
		},
		[["httpGet", "tcpSocket", "exec", "grpc"]],
	);

/** What the `spec` of a WorkloadGroup holds. */
export const workloadGroupSpec = s
	.object({
		metadata: s
			.object({
				labels: labels().doc("Labels of the entries."),
				annotations: s.map(s.string()).doc("Annotations of the entries."),
			})
			.doc("Metadata of the entries."),
		template: workloadEntry().doc("Values of the entries; address and labels come from the workload.").required(),
		probe: probe().doc("How the workload's health is found out."),
	})
	.doc("The group.");

export type WorkloadGroupSpec = ValueOf<typeof workloadGroupSpec>;
