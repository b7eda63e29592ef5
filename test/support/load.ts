import assert from "node:assert/strict";
import { runCommand, withoutProxies } from "./kubectl.ts";
import type { TestMesh } from "./mesh.ts";

/** One HTTP answer as curl saw it; status 0 when there was none. */
export interface Answer {
	readonly status: number;
	readonly body: string;
	readonly seconds: number;
}

export interface Load {
	/** How many requests, one after the other on kept connections of one curl process. */
	readonly count?: number;
	/** Options of curl: `["-H", "x: y"]`. */
	readonly options?: readonly string[];
}

const MARK = "\n==%{http_code} %{time_total}==\n";
const ANSWER = /([\s\S]*?)\n==(\d{3}) ([\d.]+)==\n/g;
const LOAD_TIMEOUT_MS = 120_000;

/** Sends requests from the pod `deploy/curl` of a namespace. */
export async function loadInMesh(mesh: TestMesh, namespace: string, url: string, load: Load = {}): Promise<Answer[]> {
	const curl = curlLine(url, load);
	const exec = ["exec", "deploy/curl", "-n", namespace, "-c", "curl", "--", ...curl];
	const { code, stdout, stderr } = await mesh.kubectl(exec, { timeoutMs: LOAD_TIMEOUT_MS });
	return parseAnswers(stdout, load.count ?? 1, () => `kubectl ${exec.join(" ")} exited ${code}\n${stderr}`);
}

/** Sends requests from this machine, as a user's browser would. */
export async function loadFromOutside(url: string, load: Load = {}): Promise<Answer[]> {
	const [file = "curl", ...args] = curlLine(url, load);
	const env = withoutProxies(process.env);
	const { code, stdout, stderr } = await runCommand(file, args, { timeoutMs: LOAD_TIMEOUT_MS, env });
	return parseAnswers(stdout, load.count ?? 1, () => `curl ${args.join(" ")} exited ${code}\n${stderr}`);
}

/** curl writes many answers to one URL by a range in it; a query parameter is the only part that no rule here looks at. */
function curlLine(url: string, { count = 1, options = [] }: Load): string[] {
	const many = count === 1 ? url : `${url}${url.includes("?") ? "&" : "?"}n=[1-${count}]`;
	return ["curl", "-sS", "--max-time", "30", "-w", MARK.replaceAll("\n", "\\n"), ...options, many];
}

function parseAnswers(text: string, count: number, describe: () => string): Answer[] {
	const answers = [...text.matchAll(ANSWER)].map(([, body = "", status, seconds]) => ({
		status: Number(status),
		body,
		seconds: Number(seconds),
	}));
	assert.equal(answers.length, count, `${count} answers were asked for, ${answers.length} came: ${describe()}`);
	return answers;
}

/** Every answer has this status; the message shows the first that has not. */
export function assertAll(answers: readonly Answer[], status: number): void {
	const other = answers.filter((answer) => answer.status !== status);
	assert.equal(other.length, 0, `${other.length} of ${answers.length} are not ${status}: ${JSON.stringify(other[0])}`);
}

/** What part of the answers holds the text or matches, in percent. */
export function percentOf(answers: readonly Answer[], what: string | RegExp): number {
	const hits = answers.filter(({ body }) => (typeof what === "string" ? body.includes(what) : what.test(body)));
	return (100 * hits.length) / answers.length;
}

/** The share is `percent` within `points`; 0 and 100 are exact. */
export function assertShare(answers: readonly Answer[], what: string | RegExp, percent: number, points: number): void {
	const got = percentOf(answers, what);
	const allowed = percent === 0 || percent === 100 ? 0 : points;
	assert.ok(Math.abs(got - percent) <= allowed, `${what}: ${got.toFixed(1)} %, wanted ${percent} % ±${allowed}`);
}
