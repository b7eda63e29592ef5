import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type DataFolder, DEFAULT_DATA_FOLDER, dataFolder } from "../app/data-folder.ts";
import { type MeshState, runningMesh } from "../app/mesh-state.ts";
import { formatProblem, problem } from "../lib/problem.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

const FETCH_TIMEOUT_MS = 10_000;

/** The folder that a command is about: that of `--data`, else `.lateen` here, else that of the mesh whose kubeconfig KUBECONFIG names. */
export function meshFolder(named: string | undefined, kubeconfig = process.env.KUBECONFIG): DataFolder {
	const here = dataFolder(named ?? DEFAULT_DATA_FOLDER);
	if (named !== undefined || !kubeconfig || existsSync(here.meshState)) return here;
	const there = dataFolder(dirname(kubeconfig));
	return there.kubeconfig === resolve(kubeconfig) && existsSync(there.meshState) ? there : here;
}

/** The mesh that runs in the folder that a command is about; ends the command when there is none. */
export function requireMesh(named: string | undefined): MeshState {
	const folder = meshFolder(named);
	const state = runningMesh(folder);
	if (state) return state;
	throw new CommandError(
		EXIT.unavailable,
		formatProblem(
			problem(
				"LTN4001",
				folder.root,
				"no mesh runs in this folder",
				"start one with `lateen up`, or name its folder with --data or its kubeconfig with KUBECONFIG",
			),
		),
	);
}

/** GET of a JSON document from one of the mesh's own doors. */
export async function getJson<T>(url: string): Promise<T> {
	return (await get(url)).json() as Promise<T>;
}

async function get(url: string): Promise<Response> {
	let response: Response;
	try {
		response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
	} catch (cause) {
		throw unreachable(
			url,
			cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause),
			cause,
		);
	}
	if (!response.ok) throw unreachable(url, `it answered ${response.status}`, undefined);
	return response;
}

function unreachable(url: string, why: string, cause: unknown): CommandError {
	const told = problem(
		"LTN4002",
		url,
		`no usable answer: ${why}`,
		"see whether the process is up with `lateen status`",
	);
	return new CommandError(EXIT.unavailable, formatProblem(told), { cause });
}
