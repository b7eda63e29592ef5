import { pickHeaders } from "../kit/forward-headers.ts";
import type { Handler } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";
import { type Hop, hop } from "./hop.ts";

const PORT = 8080;

/** The tutorial's customer: asks preference, and hands the browser's name on as `baggage-user-agent`. */
export function customer(upstream = "http://preference:8080/", lookup?: Hop["lookup"]): Handler {
	return hop({
		name: "customer",
		upstream,
		lookup,
		trims: true,
		headers: (request) => ({
			...pickHeaders(request, ["authorization", "user-preference", "x-request-id"]),
			...(request.headers["user-agent"] === undefined ? {} : { "baggage-user-agent": request.headers["user-agent"] }),
		}),
	});
}

export async function start(env: Env): Promise<void> {
	await serve("customer", customer(), { port: PORT, env });
}
