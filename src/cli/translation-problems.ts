import type { AnalysisMessage } from "../controlplane/analysis/analysis-message.ts";
import { formatProblem, type Problem, problem } from "../lib/problem.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

/** `VirtualService/default/reviews spec.http[0]`: of an object, and perhaps where in it. */
const OBJECT_PATH = /^(VirtualService|DestinationRule)\/([^/]*)\/(\S+)(?: (.*))?$/;
const TIMEOUT_MS = 5000;

/** What a running control plane left out of rules because some proxy cannot do it, as findings about the rules. */
export async function translationFindings(debugUrl: string): Promise<readonly AnalysisMessage[]> {
	const { translation } = await fetchProblems(`${debugUrl}/debug/problemz`);
	return translation.flatMap((told) => {
		const [, kind, namespace, name, path = ""] = OBJECT_PATH.exec(told.path) ?? [];
		if (kind === undefined || namespace === undefined || name === undefined) return [];
		const text = formatProblem({ ...told, path, fix: "" })
			.slice(told.code.length + 1)
			.replace(/\.$/, "");
		return [{ code: told.code, level: "Warning" as const, resource: { kind, namespace, name }, text }];
	});
}

async function fetchProblems(url: string): Promise<{ readonly translation: readonly Problem[] }> {
	try {
		const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
		if (!response.ok) throw new Error(`it answered ${response.status}`);
		return (await response.json()) as { translation: Problem[] };
	} catch (cause) {
		const what = `the control plane could not be asked: ${(cause as Error).message}`;
		throw new CommandError(EXIT.unavailable, formatProblem(problem("LTN4241", url, what, "look at `lateen status`")), {
			cause,
		});
	}
}
