import { type Problem, problem } from "../lib/problem.ts";

const REASONS: Readonly<Record<string, string>> = {
	ENOSPC: "the disk is full",
	EDQUOT: "the disk quota is used up",
	EROFS: "the file system is read-only",
	EACCES: "permission is denied",
	EPERM: "permission is denied",
	ENOTDIR: "a file stands where a folder is needed (ENOTDIR)",
	EEXIST: "something else stands there (EEXIST)",
	EISDIR: "a folder stands where a file is needed (EISDIR)",
};

/** What the system says about a file that cannot be written, as a problem for the user; undefined for any other error. */
export function fileProblem(error: unknown): Problem | undefined {
	const { code = "", path } = error as NodeJS.ErrnoException;
	const reason = error instanceof Error && path !== undefined ? REASONS[code] : undefined;
	if (reason === undefined) return undefined;
	const fix = "make room or mend the permissions there, or choose another folder with --data";
	return problem("LTN6016", path ?? "", `cannot be written: ${reason}`, fix);
}
