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

/** System calls on files; a refused `listen` is another matter. */
const FILE_CALLS = new Set([
	"open",
	"write",
	"mkdir",
	"rename",
	"rm",
	"unlink",
	"chmod",
	"symlink",
	"copyfile",
	"fsync",
]);

/**
 * What the system says about a file that cannot be written, as a problem for the user; undefined for any other error. `folder` is named where
 * the system does not say which file it was.
 */
export function fileProblem(error: unknown, folder = ""): Problem | undefined {
	if (!(error instanceof Error)) return undefined;
	const { code = "", path = folder, syscall = "" } = error as NodeJS.ErrnoException;
	const reason = FILE_CALLS.has(syscall) ? REASONS[code] : undefined;
	if (reason === undefined) return undefined;
	const fix = "make room or mend the permissions there, or choose another folder with --data";
	return problem("LTN6016", path, `cannot be written: ${reason}`, fix);
}
