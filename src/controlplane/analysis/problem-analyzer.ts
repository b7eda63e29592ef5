import { formatProblem, type Problem } from "../../lib/problem.ts";
import { type ConfigRef, metaOf } from "../model/config-object.ts";
import type { AnalysisMessage, Level } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";
import { unreadKind } from "./unread-kind.ts";
import { unspokenPorts } from "./unspoken-ports.ts";

/** What this version does not obey or cannot read: the snapshot's own problems, and what it is not made from. */
export function problemAnalyzer({ snapshot, objects }: AnalysisInput): readonly AnalysisMessage[] {
	const unread = objects.flatMap((object) => {
		const { kind, namespace, name } = metaOf(object);
		const found = [unreadKind(object) ?? [], unspokenPorts(object)].flat();
		return found.map((p) => message(p, "Warning", { kind, namespace, name }));
	});
	const read = snapshot.problems.flatMap(({ ref, dropped, problems }) =>
		problems.map((p) => message(p, dropped ? "Error" : "Warning", ref)),
	);
	return [...unread, ...read];
}

function message(p: Problem, level: Level, resource: ConfigRef): AnalysisMessage {
	const text = formatProblem({ ...p, fix: "" })
		.slice(p.code.length + 1)
		.replace(/\.$/, "");
	return { code: p.code, level, resource, text };
}
