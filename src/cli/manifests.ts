import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Document, LineCounter, parseAllDocuments, type YAMLParseError } from "yaml";
import type { KubeObject } from "../kinds/object.ts";
import { type Problem, problem } from "../lib/problem.ts";

/** One object out of a YAML or JSON file. */
export interface Manifest {
	readonly file: string;
	/** Line of the document's first content, from 1. */
	readonly line: number;
	readonly object: KubeObject;
}

export interface Manifests {
	readonly manifests: readonly Manifest[];
	/** Files that cannot be read or parsed; what could be read is there all the same. */
	readonly problems: readonly Problem[];
}

const EXTENSIONS = [".yaml", ".yml", ".json"];

/** Reads files, folders (sorted by name, not below) and `-` (standard input); `List` objects are taken apart. */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
	const manifests: Manifest[] = [];
	const problems: Problem[] = [];
	if (paths.length === 0)
		problems.push(problem("LTN4210", "", "no file was named", "give a file, a folder, or - for standard input"));
	for (const path of paths) {
		for (const source of await sources(path, problems)) {
			const parsed = parseManifests(source.text, source.file);
			manifests.push(...parsed.manifests);
			problems.push(...parsed.problems);
		}
	}
	return { manifests, problems };
}

async function sources(path: string, problems: Problem[]): Promise<{ file: string; text: string }[]> {
	try {
		if (path === "-") return [{ file: "standard input", text: await text(process.stdin) }];
		if (!(await stat(path)).isDirectory()) return [{ file: path, text: await readFile(path, "utf8") }];
		const names = (await readdir(path)).filter((n) => EXTENSIONS.some((e) => n.endsWith(e))).sort();
		return await Promise.all(
			names.map(async (n) => ({ file: join(path, n), text: await readFile(join(path, n), "utf8") })),
		);
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		const why = code === "ENOENT" ? "there is no such file" : `cannot be read: ${message}`;
		problems.push(problem("LTN4211", path, why, "name an existing file"));
		return [];
	}
}

/** The objects of one YAML stream (YAML 1.2 as kubectl reads it: JSON's types); empty documents are passed over. */
export function parseManifests(source: string, file: string): Manifests {
	const lines = new LineCounter();
	const parsed = parseAllDocuments(source, { lineCounter: lines, schema: "core" });
	const each = (Array.isArray(parsed) ? parsed : []).map((document) => fromDocument(document, file, lines));
	return { manifests: each.flatMap((e) => e.manifests), problems: each.flatMap((e) => e.problems) };
}

function fromDocument(document: Document.Parsed, file: string, lines: LineCounter): Manifests {
	if (document.errors.length > 0)
		return { manifests: [], problems: document.errors.map((e) => syntaxProblem(e, file)) };
	const value: unknown = document.toJS();
	if (value === null || value === undefined) return { manifests: [], problems: [] };
	const line = lines.linePos(document.contents?.range?.[0] ?? 0).line;
	if (isObject(value)) return { manifests: flatten(value).map((object) => ({ file, line, object })), problems: [] };
	return {
		manifests: [],
		problems: [problem("LTN4213", `${file}:${line}`, "a Kubernetes object needs apiVersion and kind")],
	};
}

function syntaxProblem(error: YAMLParseError, file: string): Problem {
	const at = error.linePos?.[0];
	const message = error.message.split("\n")[0]!.replace(/ at line \d+.*$/, "");
	return problem("LTN4212", at ? `${file}:${at.line}:${at.col}` : file, message, "mend the YAML");
}

function isObject(value: unknown): value is KubeObject {
	const o = value as Partial<KubeObject> | null;
	return typeof o === "object" && o !== null && typeof o.apiVersion === "string" && typeof o.kind === "string";
}

function flatten(object: KubeObject): KubeObject[] {
	return object.kind === "List" && Array.isArray(object.items) ? (object.items as KubeObject[]) : [object];
}
