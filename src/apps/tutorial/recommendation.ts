import { type Answer, empty, json, text } from "../kit/answer.ts";
import { call } from "../kit/call.ts";
import { type Handler, router } from "../kit/router.ts";
import { complain, say } from "../kit/say.ts";
import { type Env, serve } from "../kit/serve.ts";
import { sleep } from "../kit/sleep.ts";

const PORT = 8080;
const CLOCK_URL = "http://worldclockapi.com/api/json/cet/now";
const HEALTH = { status: "UP", checks: [] } as const;
const PLAIN = { "content-type": "text/plain" } as const;

/**
 * The tutorial's recommendation: counts its answers, can be told to misbehave (it stays ready then, so that only a circuit
 * breaker finds it). RECOMMENDATION_VERSION and RECOMMENDATION_DELAY_MS stand for the image's tag.
 */
export function recommendation(env: Env, clockUrl = CLOCK_URL): Handler {
	const version = env.RECOMMENDATION_VERSION ?? "v1";
	const delayMs = Number(env.RECOMMENDATION_DELAY_MS ?? 0);
	const host = env.HOSTNAME ?? "unknown";
	let count = 0;
	let misbehaves = false;

	async function recommend(): Promise<Answer> {
		if (delayMs > 0) await sleep(delayMs);
		count++;
		const n = count;
		say(`recommendation request from ${host}: ${n}`);
		if (misbehaves) return text(`recommendation misbehavior from '${host}'\n`, 503, PLAIN);
		if (version !== "v3") return text(`recommendation ${version} from '${host}': ${n}\n`, 200, PLAIN);
		const now = await clockTime(clockUrl);
		return now === undefined ? empty(500) : text(`recommendation v3 ${now} from '${host}': ${n}\n`, 200, PLAIN);
	}

	return router({
		"GET /": recommend,
		"GET /misbehave": () => {
			misbehaves = true;
			return text("Following requests to / will return a 503\n", 200, PLAIN);
		},
		"GET /behave": () => {
			misbehaves = false;
			return text("Following requests to / will return 200\n", 200, PLAIN);
		},
		"GET /health": () => json(HEALTH),
		"GET /health/live": () => json(HEALTH),
		"GET /health/ready": () => json(HEALTH),
	});
}

/** The clock service's time, undefined (and logged) when it cannot be read. */
async function clockTime(url: string): Promise<string | undefined> {
	try {
		const { status, body } = await call(url, { timeoutMs: 5000 });
		if (status === 200) return (JSON.parse(body) as { currentDateTime?: string }).currentDateTime;
		complain(`${url} answered ${status}`);
	} catch (error) {
		complain(`${url}: ${String(error)}`);
	}
	return undefined;
}

export async function start(env: Env): Promise<void> {
	await serve("recommendation", recommendation(env), { port: PORT, env });
}
