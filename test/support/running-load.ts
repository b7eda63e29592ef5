import type { Answer } from "./load.ts";
import type { TestMesh } from "./mesh.ts";

/** Requests that go on while the test does something else. */
export interface RunningLoad {
	/** The next so many answers from now on. */
	next(count: number): Promise<Answer[]>;
	/** Ends the load; answers with everything that came. */
	stop(): Promise<Answer[]>;
}

const ANSWER = /([\s\S]*?)\n==(\d{3}) ([\d.]+)==\n/y;
const NEXT_TIMEOUT_MS = 60_000;

/** Sends one request after the other from `deploy/curl` of the namespace, until stopped. */
export async function runningLoad(mesh: TestMesh, namespace: string, url: string): Promise<RunningLoad> {
	const stopFile = `/tmp/lateen-load-${process.pid}-${Math.random().toString(36).slice(2)}`;
	const loop = `while [ ! -e "$1" ]; do curl -sS --max-time 30 -w '\\n==%{http_code} %{time_total}==\\n' "$2?n=[1-200]"; done; rm -f "$1"`;
	const inPod = ["exec", "deploy/curl", "-n", namespace, "-c", "curl", "--"];
	const child = mesh.kubectl.start([...inPod, "sh", "-c", loop, "load", stopFile, url]);
	const answers: Answer[] = [];
	let rest = "";
	let errors = "";
	let wake = () => {};
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		errors += text;
	});
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		rest = takeAnswers(rest + text, answers);
		wake();
	});
	const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));

	async function next(count: number): Promise<Answer[]> {
		const from = answers.length;
		let timer: NodeJS.Timeout | undefined;
		const over = new Promise<true>((resolve) => {
			timer = setTimeout(() => resolve(true), NEXT_TIMEOUT_MS);
			ended.then(() => resolve(true));
		});
		while (answers.length < from + count) {
			const more = new Promise<false>((resolve) => {
				wake = () => resolve(false);
			});
			if (await Promise.race([more, over]))
				throw new Error(`the load brought ${answers.length - from} of ${count} answers: ${errors}`);
		}
		clearTimeout(timer);
		return answers.slice(from, from + count);
	}

	return {
		next,
		async stop() {
			await mesh.kubectl.ok([...inPod, "touch", stopFile]);
			await ended;
			return answers;
		},
	};
}

/** Takes the whole answers off the text; what is left is the beginning of the next one. */
function takeAnswers(text: string, into: Answer[]): string {
	ANSWER.lastIndex = 0;
	let end = 0;
	for (let found = ANSWER.exec(text); found; found = ANSWER.exec(text)) {
		into.push({ body: found[1]!, status: Number(found[2]), seconds: Number(found[3]) });
		end = ANSWER.lastIndex;
	}
	return text.slice(end);
}
