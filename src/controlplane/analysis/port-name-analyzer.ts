import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0118: the protocol of a Service's port cannot be told from its name or appProtocol. */
export function portNameAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	return snapshot.services
		.filter((s) => s.registry === "Kubernetes" && s.meta.namespace !== snapshot.mesh.rootNamespace)
		.filter((s) => !(s.meta.namespace === "default" && s.meta.name === "kubernetes"))
		.flatMap(({ meta: { kind, namespace, name }, ports }) =>
			ports
				.filter((port) => port.protocol === "Auto")
				.map((port) => ({
					code: "IST0118",
					level: "Info" as const,
					resource: { kind, namespace, name },
					text: `the port name ${port.name} (port: ${port.number}, targetPort: ${port.targetPort}) says no protocol; name it <protocol>[-<suffix>]`,
				})),
		);
}
