import { type Random, systemRandom } from "../../lib/random.ts";
import { type Answer, json } from "../kit/answer.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { say } from "../kit/say.ts";
import { type Env, serve } from "../kit/serve.ts";
import { sleep } from "../kit/sleep.ts";

const PORT = 9080;
const DELAY_MS = 7_000;
const UNAVAILABLE_PERIOD_MS = 60_000;
const UNHEALTHY_PERIOD_MS = 15 * 60_000;

/** How one version of the service misbehaves. */
interface Misbehaviour {
	/** Asked once per `GET /ratings`. */
	isUnavailable(): boolean;
	isHealthy(): boolean;
	delayMs(): number;
}

/** Bookinfo's ratings: stars by reviewer, kept in memory. Versions other than v1 misbehave by design (images.md). */
export function ratings(version: string, misbehaviour: Misbehaviour = misbehaviourOf(version)): Handler {
	const posted = new Map<number, unknown>();
	const ratingsOf = (id: number) => ({ id, ratings: posted.get(id) ?? { Reviewer1: 5, Reviewer2: 4 } });
	const routes = router({
		"GET /health": () =>
			misbehaviour.isHealthy()
				? json({ status: "Ratings is healthy" })
				: json({ status: "Ratings is not healthy" }, 500),
		"GET /ratings/*": withId(async (id) => {
			if (misbehaviour.isUnavailable()) return json({ error: "Service unavailable" }, 503);
			const delayMs = misbehaviour.delayMs();
			if (delayMs > 0) await sleep(delayMs);
			return json(ratingsOf(id));
		}),
		"POST /ratings/*": withId(async (id, request) => {
			const value = parseJson(await request.body());
			if (value === undefined) return json({ error: "please provide valid ratings JSON" }, 400);
			posted.set(id, value);
			return json(ratingsOf(id));
		}),
	});
	return (request) => {
		say(`${request.method} ${request.target}`);
		return routes(request);
	};
}

function withId(handler: (id: number, request: AppRequest) => Promise<Answer>): Handler {
	return (request) => {
		const id = Number.parseInt(request.path.split("/").at(-1) ?? "", 10);
		return Number.isNaN(id) ? json({ error: "please provide numeric product ID" }, 400) : handler(id, request);
	};
}

function parseJson(body: Buffer): unknown {
	try {
		return JSON.parse(body.toString());
	} catch {
		return undefined;
	}
}

/** The behaviour that a SERVICE_VERSION stands for; throws for the versions that need a database. */
export function misbehaviourOf(version: string, random: Random = systemRandom): Misbehaviour {
	const good: Misbehaviour = { isUnavailable: () => false, isHealthy: () => true, delayMs: () => 0 };
	const half = () => random.unit() < 0.5;
	switch (version) {
		case "v-faulty":
			return { ...good, isUnavailable: half };
		case "v-delayed":
			return { ...good, delayMs: () => (half() ? DELAY_MS : 0) };
		case "v-unavailable":
			return { ...good, isUnavailable: toggled(UNAVAILABLE_PERIOD_MS) };
		case "v-unhealthy": {
			const isBad = toggled(UNHEALTHY_PERIOD_MS);
			return { ...good, isUnavailable: isBad, isHealthy: () => !isBad() };
		}
		case "v2":
			throw new Error(
				"SERVICE_VERSION=v2 keeps ratings in MongoDB or MySQL; the built-in program has no database client",
			);
		default:
			return good;
	}
}

/** False for the first period, true for the next, and so on. */
function toggled(periodMs: number): () => boolean {
	const start = performance.now();
	return () => Math.floor((performance.now() - start) / periodMs) % 2 === 1;
}

export async function start(env: Env): Promise<void> {
	await serve("ratings", ratings(env.SERVICE_VERSION ?? "v1"), { port: PORT, env });
}
