import { type Problem, ProblemError, problem } from "../lib/problem.ts";
import { fileProblem } from "./file-problem.ts";

/** Why a mesh could not be started, from what was thrown: what the user can mend, or that it is a bug (LTN6090). */
export function startProblems(error: unknown, dataDir: string): readonly Problem[] {
	if (error instanceof ProblemError) return error.problems;
	const bug = problem("LTN6090", "logs/mesh.log", `a bug in Lateen: ${String(error)}`, "please report it with the log");
	return [fileProblem(error, dataDir) ?? bug];
}
