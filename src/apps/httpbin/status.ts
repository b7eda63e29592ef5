import { systemRandom } from "../../lib/random.ts";
import type { Answer } from "../kit/answer.ts";
import type { AppRequest } from "../kit/request.ts";
import { fullUrl } from "./describe.ts";
import { badRequest, failure, goJson, plain } from "./response.ts";

/** `/status/{code}`, `/status/{code:weight,code:weight}`. */
export function statusAnswer(request: AppRequest): Answer {
	const choices = (request.params.code ?? "").split(",").map(parseChoice);
	if (choices.some((choice) => choice === undefined))
		return badRequest(`invalid status code: "${request.params.code}"`);
	const code = pickWeighted(choices as Choice[]);
	if (code >= 301 && code <= 307 && code !== 304 && code !== 306) return plain("", code, { location: "/redirect/1" });
	if (code === 401) return plain("", code, { "www-authenticate": 'Basic realm="Fake Realm"' });
	if (code === 407) return plain("", code, { "proxy-authenticate": 'Basic realm="Fake Realm"' });
	if (code === 418) return plain("I'm a teapot!", code, { "x-more-info": "http://tools.ietf.org/html/rfc2324" });
	return plain("", code);
}

/** `/redirect/{n}` and its relative and absolute forms: n steps, the last to `/get`. */
export function redirect(kind: "relative" | "absolute"): (request: AppRequest) => Answer {
	return (request) => {
		const n = Number(request.params.n);
		if (!Number.isInteger(n) || n < 1) return badRequest("redirect count must be > 0");
		const absolute = kind === "absolute" || request.query.get("absolute")?.toLowerCase() === "true";
		const next = n === 1 ? "/get" : `/${absolute ? "absolute" : "relative"}-redirect/${n - 1}`;
		return plain("", 302, { location: absolute ? fullUrl(request, next) : next });
	};
}

/** `/unstable?failure_rate=`: 500 for that share of calls, half of them by default. */
export function unstable(request: AppRequest): Answer {
	const text = request.query.get("failure_rate") ?? "0.5";
	const rate = Number(text);
	if (text === "" || !(rate >= 0 && rate <= 1)) return badRequest(`invalid failure rate: ${text} not in range [0, 1]`);
	return plain("", systemRandom.unit() < rate ? 500 : 200);
}

/** `/basic-auth/{user}/{password}`. */
export function basicAuth(request: AppRequest): Answer {
	const [scheme = "", token = ""] = (request.headers.authorization ?? "").split(" ");
	const given = scheme.toLowerCase() === "basic" ? Buffer.from(token, "base64").toString() : "";
	const user = given.split(":")[0] ?? "";
	const authorized = given === `${request.params.user}:${request.params.password}`;
	const answer = { authorized, user };
	return authorized ? goJson(answer) : goJson(answer, 401, { "www-authenticate": 'Basic realm="Fake Realm"' });
}

/** `/bearer`. */
export function bearer(request: AppRequest): Answer {
	const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
	if (scheme !== "Bearer" || token === "")
		return { ...failure(401, "Unauthorized"), headers: { "www-authenticate": "Bearer" }, body: "" };
	return goJson({ authenticated: true, token });
}

interface Choice {
	readonly code: number;
	readonly weight: number;
}

function parseChoice(text: string): Choice | undefined {
	const parts = /^(\d{3})(?::(\d+(?:\.\d+)?))?$/.exec(text.trim());
	const code = Number(parts?.[1]);
	if (!parts || code < 200 || code > 599) return undefined;
	return { code, weight: parts[2] === undefined ? 1 : Number(parts[2]) };
}

function pickWeighted(choices: readonly Choice[]): number {
	const total = choices.reduce((sum, { weight }) => sum + weight, 0);
	let left = systemRandom.unit() * total;
	for (const { code, weight } of choices) {
		left -= weight;
		if (left < 0) return code;
	}
	return choices.at(-1)!.code;
}
