import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHandler, type TestServer } from "../../../test/support/serve-handler.ts";
import { json, text } from "../kit/answer.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { details } from "./details.ts";
import { productpage } from "./productpage.ts";
import { ratings } from "./ratings.ts";
import { reviews } from "./reviews.ts";

function env(upstreams: { details: number; reviews: number; ratings?: number }, more: Record<string, string> = {}) {
	const at = (name: string, port: number) => ({
		[`${name}_HOSTNAME`]: "127.0.0.1",
		[`${name}_SERVICE_PORT`]: String(port),
	});
	return {
		...at("DETAILS", upstreams.details),
		...at("REVIEWS", upstreams.reviews),
		...at("RATINGS", upstreams.ratings ?? 1),
		...more,
	};
}

/** The page in front of one upstream that answers for details, reviews and ratings alike. */
async function withUpstream(handler: Handler, use: (page: TestServer, seen: AppRequest[]) => Promise<void>, more = {}) {
	const seen: AppRequest[] = [];
	await using upstream = await serveHandler((request) => {
		seen.push(request);
		return handler(request);
	});
	const { port } = upstream;
	await using page = await serveHandler(productpage(env({ details: port, reviews: port, ratings: port }, more)));
	await use(page, seen);
}

const reviewsAnswer = (rating?: unknown) =>
	json({ podname: "reviews-v9", clustername: "null", reviews: [{ reviewer: "R1", text: "<b>Good</b>", rating }] });

test("the page shows the book, its details and the reviews, with the pod that served them", async () => {
	await using detailsServer = await serveHandler(details());
	await using reviewsServer = await serveHandler(reviews({ HOSTNAME: "reviews-v1-pod" }));
	await using page = await serveHandler(productpage(env({ details: detailsServer.port, reviews: reviewsServer.port })));
	const { status, headers, body } = await page.get("/productpage");
	assert.equal(status, 200);
	assert.equal(headers["content-type"], "text/html; charset=utf-8");
	assert.equal(headers["cache-control"], undefined);
	for (const part of ["<title>Simple Bookstore App</title>", "BookInfo Sample", "The Comedy of Errors", "Book Reviews"])
		assert.ok(body.includes(part), part);
	for (const part of ["ISBN-10", "1234567890", "PublisherA", "200", "paperback", "English"])
		assert.ok(body.includes(part), part);
	assert.match(body, /Reviews served by:\s*<u>reviews-v1-pod<\/u>/);
	assert.doesNotMatch(body, /on cluster|glyphicon-star/);
	assert.match(body, /<form[^>]*method="POST" action="login"/i);
	assert.match(body, /name="username"[\s\S]*name="passwd"/);
});

test("stars come in the colour of the version, five icons each", async () => {
	await withUpstream(
		router({ "GET /details/*": details(), "GET /reviews/*": () => reviewsAnswer({ stars: 3, color: "red" }) }),
		async (page) => {
			const { body } = await page.get("/productpage");
			assert.ok(body.includes('<div class="flex gap-x-1 text-red-500"'));
			assert.equal(body.split('id="glyphicon glyphicon-star"').length - 1, 5);
			assert.equal(body.split("star filled").length - 1, 3);
			assert.ok(body.includes("&#60;b&#62;Good"), "what a service says is escaped");
		},
	);
});

test("a rating that failed is shown in red", async () => {
	await withUpstream(
		router({ "GET /details/*": details(), "GET /reviews/*": () => reviewsAnswer({ error: "Ratings gone" }) }),
		async (page) => assert.match((await page.get("/productpage")).body, /text-red-500[^>]*>Ratings gone/),
	);
});

test("upstreams that fail leave the page at 200; reviews is asked twice, details once", async () => {
	await withUpstream(
		() => text("no", 503),
		async (page, seen) => {
			const { status, body } = await page.get("/productpage");
			assert.equal(status, 200);
			assert.ok(body.includes("Error fetching product details"));
			assert.ok(body.includes("Sorry, product details are currently unavailable for this book."));
			assert.ok(body.includes("Error fetching product reviews"));
			assert.ok(body.includes("Sorry, product reviews are currently unavailable for this book."));
			assert.deepEqual(
				seen.map((request) => request.path),
				["/details/0", "/reviews/0", "/reviews/0"],
			);
			assert.ok(seen.every((request) => request.headers.connection === "close"));
			const metrics = (await page.get("/metrics")).body;
			assert.ok(metrics.includes('request_result_total{destination_app="details",response_code="503"} 1'));
			assert.ok(metrics.includes('request_result_total{destination_app="reviews",response_code="503"} 1'));
		},
	);
});

test("FLOOD_FACTOR adds that many calls of reviews", async () => {
	await withUpstream(
		router({ "GET /details/*": details(), "GET /reviews/*": () => reviewsAnswer() }),
		async (page, seen) => {
			await page.get("/productpage");
			assert.equal(seen.filter((request) => request.path === "/reviews/0").length, 4);
		},
		{ FLOOD_FACTOR: "3" },
	);
});

test("signing in names the user on the page and in end-user; an incoming end-user is not believed", async () => {
	await withUpstream(
		router({ "GET /details/*": details(), "GET /reviews/*": () => reviewsAnswer() }),
		async (page, seen) => {
			const login = await page.send("POST", "/login", "username=jason&passwd=x", {
				referer: "http://shop/productpage",
			});
			assert.equal(login.status, 302);
			assert.equal(login.headers.location, "http://shop/productpage");
			const setCookie = login.headers["set-cookie"]![0]!;
			assert.match(setCookie, /^session=[^;]+; HttpOnly; Path=\/$/);
			const cookie = setCookie.split(";")[0]!;

			const { body } = await page.get("/productpage", {
				cookie: `a=1; ${cookie}`,
				"end-user": "mallory",
				"x-request-id": "r",
			});
			assert.ok(body.includes(">jason<") && body.includes('href="logout"'));
			assert.deepEqual(
				seen.map((request) => request.headers["end-user"]),
				["jason", "jason"],
			);
			assert.equal(seen[0]!.headers["x-request-id"], "r");

			seen.length = 0;
			await page.get("/productpage", { "end-user": "mallory" });
			await page.get("/productpage", { cookie: `${cookie.slice(0, -4)}AAAA` });
			assert.ok(seen.every((request) => request.headers["end-user"] === undefined));
		},
	);
});

test("signing out removes the cookie", async () => {
	await using page = await serveHandler(productpage({}));
	const logout = await page.get("/logout", { referer: "/productpage" });
	assert.equal(logout.status, 302);
	assert.match(logout.headers["set-cookie"]![0]!, /^session=;.*Max-Age=0/);
});

test("the API lists the product and hands upstream JSON and status through", async () => {
	await using ratingsServer = await serveHandler(ratings("v1"));
	await using detailsServer = await serveHandler(details());
	await using page = await serveHandler(
		productpage(env({ details: detailsServer.port, reviews: 1, ratings: ratingsServer.port })),
	);
	const products = await page.get("/api/v1/products");
	assert.equal(products.headers["content-type"], "application/json");
	assert.match(products.body, /^\[\{"id": 0, "title": "The Comedy of Errors", "descriptionHtml": "<a href=/);
	assert.equal(
		(await page.get("/api/v1/products/0/ratings")).body,
		'{"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}',
	);
	assert.equal(JSON.parse((await page.get("/api/v1/products/3")).body).id, 3);
	const failed = await page.get("/api/v1/products/0/reviews");
	assert.equal(failed.status, 500);
	assert.equal(failed.body, '{"error": "Sorry, product reviews are currently unavailable for this book."}');
	const refused = await page.get("/api/v1/products/x/ratings");
	assert.equal(refused.status, 400);
	assert.equal(refused.body, '{"error": "Sorry, product ratings are currently unavailable for this book."}');
});

test("index, health and static files; no file but those named", async () => {
	await using page = await serveHandler(productpage({}));
	for (const path of ["/", "/index.html"]) {
		const { body } = await page.get(path);
		assert.ok(body.includes('href="/productpage?u=normal"') && body.includes('href="/productpage?u=test"'));
	}
	assert.equal((await page.get("/health")).body, "Product page is healthy");
	assert.equal((await page.get("/static/img/izzy.png")).headers["content-type"], "image/png");
	assert.match((await page.get("/static/bookinfo.css")).body, /text-red-500/);
	for (const path of ["/static/../productpage.ts", "/static/%2e%2e/pages.ts", "/static/", "/nowhere"])
		assert.equal((await page.get(path)).status, 404, path);
});

test("no page names another host's file", async () => {
	await using page = await serveHandler(productpage(env({ details: 1, reviews: 1 })));
	for (const path of ["/", "/productpage"])
		assert.doesNotMatch((await page.get(path)).body, /(?:src|<link[^>]*href)="(?:https?:)?\/\//);
});
