import { hostsOverlap } from "../model/host-name.ts";
import { MESH_GATEWAY, type VirtualService } from "../model/virtual-service.ts";
import { isVisibleTo, type Visibility } from "../model/visibility.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0109: several VirtualServices for sidecars name one host; only one of them counts, they are not merged. */
export function virtualServiceConflictAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	const bound = snapshot.virtualServices.filter((vs) => vs.gateways.includes(MESH_GATEWAY));
	return bound.flatMap((vs) =>
		vs.hosts.flatMap((host) => {
			const rivals = bound.filter((other) => other !== vs && conflicts(vs, other, host));
			if (rivals.length === 0) return [];
			const names = [vs, ...rivals].map(({ meta }) => `${meta.namespace}/${meta.name}`).sort();
			const text = `the VirtualServices ${names.join(", ")} define the same host ${host} for sidecars; only one of them counts`;
			const { kind, namespace, name } = vs.meta;
			return [{ code: "IST0109", level: "Error" as const, resource: { kind, namespace, name }, text }];
		}),
	);
}

function conflicts(vs: VirtualService, other: VirtualService, host: string): boolean {
	return other.hosts.some((h) => hostsOverlap(h, host)) && visibilitiesMeet(vs.visibility, other.visibility);
}

/** True when some namespace may see both. */
function visibilitiesMeet(a: Visibility, b: Visibility): boolean {
	if (a.kind === "none" || b.kind === "none") return false;
	if (a.kind === "public" || b.kind === "public") return true;
	return [...a.namespaces].some((namespace) => isVisibleTo(b, namespace));
}
