import { formatProblem } from "../../lib/problem.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** What this version does not obey or cannot read: the snapshot's own problems. */
export function problemAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	return snapshot.problems.flatMap(({ ref, dropped, problems }) =>
		problems.map((p) => ({
			code: p.code,
			level: dropped ? ("Error" as const) : ("Warning" as const),
			resource: ref,
			text: formatProblem({ ...p, fix: "" })
				.slice(p.code.length + 1)
				.replace(/\.$/, ""),
		})),
	);
}
