import { type Answer, empty, html, jsonText, text } from "../kit/answer.ts";
import { bookinfoHeaders } from "../kit/forward-headers.ts";
import { pythonJson } from "../kit/python-json.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";
import { indexPage, PRODUCT, productPage } from "./pages.ts";
import { Sessions } from "./session.ts";
import { STATIC_FILES } from "./static-files.ts";
import { type Fetched, Upstreams } from "./upstreams.ts";

const PORT = 9080;
const BOOK_ID = "0";
/** Public on purpose, as in the original sample: any replica reads a session that another one signed. */
const SAMPLE_SESSION_KEY = "bookinfo sample, not a secret";

/** Bookinfo's product page: asks details, then reviews, and always shows a page. */
export function productpage(env: Env): Handler {
	const upstreams = new Upstreams(env);
	const sessions = new Sessions(env.SESSION_SECRET ?? SAMPLE_SESSION_KEY);
	const outgoing = (request: AppRequest) => {
		const user = sessions.userOf(request);
		return user === undefined ? bookinfoHeaders(request) : { ...bookinfoHeaders(request), "end-user": user };
	};

	async function showProduct(request: AppRequest): Promise<Answer> {
		const headers = outgoing(request);
		const details = await upstreams.details(BOOK_ID, headers);
		await upstreams.flood(BOOK_ID, headers);
		const reviews = await upstreams.reviews(BOOK_ID, headers);
		return html(productPage({ user: sessions.userOf(request), details, reviews }));
	}

	async function signIn(request: AppRequest): Promise<Answer> {
		const form = new URLSearchParams((await request.body()).toString());
		const user = form.get("username") ?? request.query.get("username") ?? "";
		return back(request, user === "" ? sessions.signOut() : sessions.signIn(user, Date.now()));
	}

	return router({
		"GET /": () => html(indexPage()),
		"GET /index.html": () => html(indexPage()),
		"GET /health": () => text("Product page is healthy"),
		"GET /metrics": () =>
			text(upstreams.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
		"GET /productpage": showProduct,
		"POST /login": signIn,
		"GET /logout": (request) => back(request, sessions.signOut()),
		"GET /api/v1/products": () => jsonText(pythonJson([PRODUCT])),
		"GET /api/v1/products/:id": async (request) =>
			proxied(await upstreams.details(request.params.id ?? "", outgoing(request))),
		"GET /api/v1/products/:id/reviews": async (request) =>
			proxied(await upstreams.reviews(request.params.id ?? "", outgoing(request))),
		"GET /api/v1/products/:id/ratings": async (request) =>
			proxied(await upstreams.ratings(request.params.id ?? "", outgoing(request))),
		"GET /static/*": staticFile,
	});
}

function back(request: AppRequest, cookie: string): Answer {
	return empty(302, { location: request.headers.referer ?? "/productpage", "set-cookie": cookie });
}

function proxied(fetched: Fetched<unknown>): Answer {
	return jsonText(pythonJson("error" in fetched ? { error: fetched.error } : fetched.value), fetched.status);
}

function staticFile(request: AppRequest): Answer {
	const file = STATIC_FILES.get(request.params.rest ?? "");
	if (!file) return text("Not Found\n", 404);
	return {
		status: 200,
		headers: { "content-type": file.type, "cache-control": "public, max-age=300" },
		body: file.body,
	};
}

export async function start(env: Env): Promise<void> {
	await serve("productpage", productpage(env), { port: PORT, env });
}
