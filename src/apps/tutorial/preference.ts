import { pickHeaders } from "../kit/forward-headers.ts";
import type { Handler } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";
import { type Hop, hop } from "./hop.ts";

const PORT = 8080;

/** The tutorial's preference: asks recommendation, passes on what customer gave it. */
export function preference(upstream = "http://recommendation:8080/", lookup?: Hop["lookup"]): Handler {
	return hop({
		name: "preference",
		upstream,
		lookup,
		trims: false,
		headers: (request) =>
			pickHeaders(request, ["baggage-user-agent", "authorization", "user-preference", "x-request-id"]),
	});
}

export async function start(env: Env): Promise<void> {
	await serve("preference", preference(), { port: PORT, env });
}
