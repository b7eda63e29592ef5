import { text } from "./kit/answer.ts";
import { type Handler, router } from "./kit/router.ts";
import { type Env, serve } from "./kit/serve.ts";

const PORT = 5000;
/** Square roots per request, about 100 ms of CPU: the sample is made to be scaled by its load. */
const WORK = 20_000_000;

/** Istio's helloworld: names its version and pod. */
export function helloworld(env: Env, work = WORK): Handler {
	const answer = `Hello version: ${env.SERVICE_VERSION ?? "v1"}, instance: ${env.HOSTNAME ?? "unknown"}\n`;
	return router({
		"GET /hello": () => {
			let sum = 0.0001;
			for (let i = 0; i < work; i++) sum += Math.sqrt(sum);
			return text(answer);
		},
		"GET /health": () => text("Helloworld is healthy"),
	});
}

export async function start(env: Env): Promise<void> {
	await serve("helloworld", helloworld(env), { port: PORT, env });
}
