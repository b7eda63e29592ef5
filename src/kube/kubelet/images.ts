import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PROXY_CONTAINER } from "../../lib/names.ts";
import type { Container, Pod } from "../client/pod.ts";

/** What an image stands for on this machine. */
export interface ImageProgram {
	/** Short name, for `imageID`. */
	readonly name: string;
	/** Program and its first arguments; the container's `args` go after them. */
	readonly argv: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly workingDir?: string;
	/** Whether a `command` of a pod spec is the image's own launch line, so that this program is meant. */
	readonly isLaunchLine?: (command: readonly string[]) => boolean;
}

/** Image reference → program; a refusal when it cannot tell, undefined when it knows none. */
export type FindProgram = (image: string) => ImageProgram | { readonly refusal: string } | undefined;

/** What a container runs: the whole command line without variables expanded. */
export interface Runnable {
	readonly imageId: string;
	readonly argv: readonly string[];
	/** How many words of `argv`, from the first, are the image's program: paths of this machine, in which no volume is meant. */
	readonly programWords?: number;
	readonly env: Readonly<Record<string, string>>;
	readonly workingDir?: string;
}

/** Either a runnable, or one sentence that says why there is none and how to get one. */
export type Resolution = { readonly runnable: Runnable } | { readonly refusal: string };

/** `lateen.dev/command`: a shell command line for the pod's containers (all but the sidecar). */
export const COMMAND_ANNOTATION = "lateen.dev/command";
export const WORKING_DIR_ANNOTATION = "lateen.dev/working-dir";

/** Images that are nothing but an operating system: their commands are this machine's own. */
const SYSTEM_IMAGES = new Set(["busybox", "alpine", "debian", "ubuntu", "fedora", "bash"]);

/**
 * Decides what a container runs. Order: the annotation, then the programs known for its image. `command` of the pod spec
 * replaces the program when that binary is on this machine and it is not the image's own launch line (images.md).
 */
export function resolveContainer(pod: Pod, container: Container, findProgram: FindProgram): Resolution {
	const { image = "", command = [], args = [] } = container;
	const annotations = pod.metadata.annotations ?? {};
	const line = annotations[`${COMMAND_ANNOTATION}.${container.name}`] ?? annotations[COMMAND_ANNOTATION];
	const program = findProgram(image);
	if (line !== undefined && container.name !== PROXY_CONTAINER) {
		const workingDir = annotations[WORKING_DIR_ANNOTATION];
		return {
			runnable: {
				imageId: `lateen://annotation/${container.name}`,
				argv: ["/bin/sh", "-c", line],
				env: {},
				workingDir,
			},
		};
	}
	if (program && !("refusal" in program)) return { runnable: runProgram(program, command, args) };
	if (!SYSTEM_IMAGES.has(repositoryOf(image))) return program ?? { refusal: unknownImage(image) };
	const argv = command.length > 0 ? [...command, ...args] : args.length > 0 ? args : ["/bin/sh"];
	return { runnable: { imageId: `lateen://system/${repositoryOf(image)}`, argv, env: {} } };
}

function runProgram(program: ImageProgram, command: readonly string[], args: readonly string[]): Runnable {
	const isOwn = program.isLaunchLine?.(command) ?? false;
	const isReplaced = command.length > 0 && !isOwn && findBinary(command[0] ?? "") !== undefined;
	const argv = isReplaced ? [...command, ...args] : [...program.argv, ...(command.length > 0 ? [] : args)];
	const { env, workingDir } = program;
	const programWords = isReplaced ? 0 : program.argv.length;
	return { imageId: `lateen://builtin/${program.name}`, argv, programWords, env, workingDir };
}

/** The command line as it is started: `adapt` gives words of the pod spec their values, the program's own words stay. */
export function containerArgv({ argv, programWords = 0 }: Runnable, adapt: (word: string) => string): string[] {
	return argv.map((word, i) => (i < programWords ? word : adapt(word)));
}

function unknownImage(image: string): string {
	return (
		`image "${image}" is not known here and nothing is downloaded: ` +
		`map it to a command under images: in lateen.yaml, or set the pod annotation ${COMMAND_ANNOTATION}`
	);
}

/** `docker.io/library/busybox:1.36` → `busybox`: the last part of the name, without tag and digest. */
export function repositoryOf(image: string): string {
	return (
		image
			.replace(/@.*$/, "")
			.replace(/:[^/:]*$/, "")
			.split("/")
			.at(-1) ?? ""
	);
}

/** The file that a command word names on this machine: a path, or a name looked up in PATH. */
export function findBinary(word: string, path = process.env.PATH ?? ""): string | undefined {
	if (word === "") return undefined;
	const candidates = word.includes("/") ? [word] : path.split(delimiter).map((folder) => join(folder, word));
	return candidates.find(isExecutable);
}

function isExecutable(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return statSync(file).isFile();
	} catch {
		return false; // not there, or not ours to run: both mean no
	}
}
