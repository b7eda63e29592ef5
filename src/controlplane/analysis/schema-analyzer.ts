import { validateIstio } from "../../kinds/istio/validate-istio.ts";
import { formatProblem } from "../../lib/problem.ts";
import { metaOf } from "../model/config-object.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0106 and IST0133: what validation says about each of Istio's objects. */
export function schemaAnalyzer({ objects }: AnalysisInput): readonly AnalysisMessage[] {
	return objects
		.filter((o) => o.apiVersion.split("/")[0]?.endsWith(".istio.io"))
		.flatMap((object) => {
			const { kind, namespace, name } = metaOf(object);
			const resource = { kind, namespace, name };
			const { errors, warnings } = validateIstio(object, { strict: false });
			return [
				...errors.map((p) => ({ code: "IST0106", level: "Error" as const, resource, text: formatProblem(p) })),
				...warnings.map((p) => ({ code: "IST0133", level: "Warning" as const, resource, text: formatProblem(p) })),
			];
		});
}
