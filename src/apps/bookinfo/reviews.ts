import { json, jsonText } from "../kit/answer.ts";
import { call } from "../kit/call.ts";
import { bookinfoHeaders, pickHeaders } from "../kit/forward-headers.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { complain } from "../kit/say.ts";
import { type Env, serve } from "../kit/serve.ts";
import { serviceUrl } from "./service-address.ts";

const PORT = 9080;

const REVIEWS = [
	["Reviewer1", "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!"],
	[
		"Reviewer2",
		"Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays by Shakespeare.",
	],
] as const;

/** Stars by reviewer; undefined when the ratings service gave none. */
type Stars = Readonly<Record<string, number>> | undefined;

/**
 * Bookinfo's reviews. v1 shows no stars, v2 black, v3 red ones: ENABLE_RATINGS and STAR_COLOR decide. Ratings that fail or
 * are late (10 s for black, 2.5 s for others) are told in the answer, which is still 200.
 */
export function reviews(env: Env): Handler {
	const color = env.STAR_COLOR ?? "black";
	const withRatings = env.ENABLE_RATINGS === "true";
	const timeoutMs = color === "black" ? 10_000 : 2_500;
	const ratingsUrl = `${serviceUrl(env, "ratings")}/ratings`;

	async function starsOf(request: AppRequest, id: string): Promise<Stars> {
		const headers = { ...bookinfoHeaders(request), ...pickHeaders(request, ["end-user"]) };
		try {
			const answer = await call(`${ratingsUrl}/${id}`, { headers, timeoutMs });
			if (answer.status === 200) return (JSON.parse(answer.body) as { ratings?: Record<string, number> }).ratings;
			complain(`ratings answered ${answer.status}`);
		} catch (error) {
			complain(`ratings failed: ${String(error)}`);
		}
		return undefined;
	}

	return router(
		{
			"GET /health": () => jsonText('{"status": "Reviews is healthy"}'),
			"GET /reviews/:id": async (request) => {
				const id = request.params.id ?? "";
				if (!/^\d+$/.test(id)) return json({ error: "please provide numeric product id" }, 404);
				const ratingOf = withRatings ? formatRatings(await starsOf(request, id), color) : () => "";
				return jsonText(formatReviews(env, id, ratingOf));
			},
		},
		() => json({ error: "not found" }, 404),
	);
}

function formatRatings(stars: Stars, color: string): (reviewer: string) => string {
	return (reviewer) => {
		const count = stars?.[reviewer];
		return count === undefined
			? ', "rating": {"error": "Ratings service is currently unavailable"}'
			: `, "rating": {"stars": ${Number(count)}, "color": ${JSON.stringify(color)}}`;
	};
}

/** The blanks are those of the original image: tests and people compare the text. */
function formatReviews(env: Env, id: string, ratingOf: (reviewer: string) => string): string {
	const list = REVIEWS.map(
		([reviewer, text]) => `{  "reviewer": "${reviewer}",  "text": "${text}"${ratingOf(reviewer)}}`,
	);
	const pod = JSON.stringify(env.HOSTNAME ?? "null");
	const cluster = JSON.stringify(env.CLUSTER_NAME ?? "null");
	return `{"id": "${id}","podname": ${pod},"clustername": ${cluster},"reviews": [${list.join(",")}]}`;
}

export async function start(env: Env): Promise<void> {
	await serve("reviews", reviews(env), { port: PORT, env });
}
