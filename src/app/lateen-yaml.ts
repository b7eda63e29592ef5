import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { type Problem, ProblemError, problem } from "../lib/problem.ts";

/** A program that stands for a container image. */
export interface ImageEntry {
	readonly command: readonly string[];
	readonly workingDir: string | undefined;
	readonly env: Readonly<Record<string, string>>;
}

/** The user's own settings file. */
export interface LateenYaml {
	/** Image reference (with or without tag) → what to run. */
	readonly images: ReadonlyMap<string, ImageEntry>;
	/** Mesh settings as Istio's MeshConfig writes them, laid over the defaults. */
	readonly mesh: Readonly<Record<string, unknown>>;
}

export const EMPTY_LATEEN_YAML: LateenYaml = { images: new Map(), mesh: {} };

/** Reads `path`, or `lateen.yaml` in the working folder when there is one. Throws ProblemError with every problem. */
export function readLateenYaml(path: string | undefined): LateenYaml {
	const file = path ?? resolve("lateen.yaml");
	if (path === undefined && !existsSync(file)) return EMPTY_LATEEN_YAML;
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (cause) {
		throw new ProblemError(
			[problem("LTN6030", file, `cannot be read: ${(cause as Error).message}`, "name an existing file with --config")],
			{ cause },
		);
	}
	return parseLateenYaml(text, file);
}

export function parseLateenYaml(text: string, file: string): LateenYaml {
	const document = parseDocument(text);
	const problems: Problem[] = document.errors.map((e) =>
		problem("LTN6031", `${file}${place(e)}`, e.message.split("\n")[0]!.replace(/ at line \d+.*$/, ""), "mend the YAML"),
	);
	if (problems.length > 0) throw new ProblemError(problems);
	const root = object(document.toJS() ?? {}, "", problems);
	for (const key of Object.keys(root)) {
		if (key !== "images" && key !== "mesh")
			problems.push(problem("LTN6032", key, "unknown setting", "known are images and mesh"));
	}
	const images = new Map<string, ImageEntry>();
	for (const [image, entry] of Object.entries(object(root.images ?? {}, "images", problems))) {
		images.set(image, imageEntry(entry, `images[${image}]`, { problems, folder: dirname(resolve(file)) }));
	}
	const mesh = object(root.mesh ?? {}, "mesh", problems);
	if (problems.length > 0) throw new ProblemError(problems.map((p) => ({ ...p, path: `${file}: ${p.path}` })));
	return { images, mesh };
}

function place({ linePos }: { linePos?: readonly { line: number; col: number }[] | undefined }): string {
	return linePos?.[0] ? `:${linePos[0].line}:${linePos[0].col}` : "";
}

/** Paths are meant from the file's folder. */
function imageEntry(
	value: unknown,
	at: string,
	{ problems, folder }: { problems: Problem[]; folder: string },
): ImageEntry {
	const entry = object(value, at, problems);
	for (const key of Object.keys(entry)) {
		if (!["command", "workingDir", "env"].includes(key))
			problems.push(problem("LTN6032", `${at}.${key}`, "unknown setting", "known are command, workingDir and env"));
	}
	const command = Array.isArray(entry.command) ? entry.command : [];
	if (command.length === 0 || !command.every((word) => typeof word === "string")) {
		problems.push(
			problem("LTN6033", `${at}.command`, "a list of words is needed", 'write it as ["node", "server.js"]'),
		);
	}
	if (entry.workingDir !== undefined && typeof entry.workingDir !== "string")
		problems.push(problem("LTN6033", `${at}.workingDir`, "a path is needed"));
	const env = Object.entries(object(entry.env ?? {}, `${at}.env`, problems)).map(
		([name, v]) => [name, String(v)] as const,
	);
	return {
		command: command as string[],
		workingDir: typeof entry.workingDir === "string" ? resolve(folder, entry.workingDir) : undefined,
		env: Object.fromEntries(env),
	};
}

function object(value: unknown, at: string, problems: Problem[]): Record<string, unknown> {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
	problems.push(problem("LTN6033", at, "a map is needed"));
	return {};
}
