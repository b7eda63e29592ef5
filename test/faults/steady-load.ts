import { Agent, get } from "node:http";

/** What came of the requests so far, in order: a status, or the error's code. */
export interface SteadyLoad {
	readonly results: readonly (number | string)[];
	/** Resolves when so many more have come. */
	next(count: number): Promise<void>;
	/** Ends the load; answers with all results. */
	stop(): Promise<readonly (number | string)[]>;
}

const PAUSE_MS = 10;

/** One request after the other from this machine, on kept connections, until stopped. */
export function steadyLoad(url: string): SteadyLoad {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const results: (number | string)[] = [];
	let running = true;
	const loop = (async () => {
		while (running) {
			results.push(await ask(url, agent));
			await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
		}
		agent.destroy();
	})();
	return {
		results,
		async next(count) {
			const wanted = results.length + count;
			while (results.length < wanted) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
		},
		async stop() {
			running = false;
			await loop;
			return results;
		},
	};
}

function ask(url: string, agent: Agent): Promise<number | string> {
	return new Promise((resolve) => {
		const request = get(url, { agent, timeout: 10_000 }, (response) => {
			response.resume();
			response.once("end", () => resolve(response.statusCode ?? 0));
			response.once("error", (error) => resolve(codeOf(error)));
		});
		request.once("timeout", () => request.destroy(new Error("timeout")));
		request.once("error", (error) => resolve(codeOf(error)));
	});
}

function codeOf(error: NodeJS.ErrnoException): string {
	return error.code ?? error.message;
}
