import type { Details, Fetched, Review, Reviews } from "./upstreams.ts";

const SUMMARY =
	'<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">Wikipedia Summary</a>: Two pairs of twins, parted by a ' +
	"shipwreck when they were small, come to the same city on the same day and know nothing of each other. Whoever meets one " +
	"takes him for the other, and Shakespeare's shortest play is over before anybody thinks of asking.";

/** The only book of the shop, as `/api/v1/products` lists it. */
export const PRODUCT = { id: 0, title: "The Comedy of Errors", descriptionHtml: SUMMARY } as const;

const DETAIL_ROWS = [
	["ISBN-10", "ISBN-10"],
	["Publisher", "publisher"],
	["Pages", "pages"],
	["Type", "type"],
	["Language", "language"],
] as const;

const STAR_PATH = "M10 1.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L1.6 7.7l5.8-.8L10 1.6z";

const SERVICES = [
	["productpage", "/productpage", "calls details and reviews"],
	["details", "/details/0", "facts about the book"],
	["reviews", "/reviews/0", "v1 without stars, v2 with black, v3 with red ones; v2 and v3 call ratings"],
	["ratings", "/ratings/0", "stars by reviewer"],
] as const;

export interface ProductView {
	readonly user: string | undefined;
	readonly details: Fetched<Details>;
	readonly reviews: Fetched<Reviews>;
}

/** `/productpage`: the book, its details and its reviews, or what of them could not be fetched. */
export function productPage(view: ProductView): string {
	return layout(`
<header class="bar">
	<div class="brand"><img src="static/img/izzy.png" alt="" width="36" height="36"><span>BookInfo Sample</span></div>
	${view.user === undefined ? signInForm() : signedIn(view.user)}
</header>
<main>
	<section class="hero">
		<p class="eyebrow">A play in five acts</p>
		<h1>${PRODUCT.title}</h1>
		<p class="summary">${PRODUCT.descriptionHtml}</p>
	</section>
	<div class="columns">
		<section class="card" id="details">${detailsCard(view.details)}</section>
		<section class="card" id="reviews">${reviewsCard(view.reviews)}</section>
	</div>
</main>
<script src="static/bookinfo.js" defer></script>`);
}

/** `/`: what the sample consists of, with a link to the page as two kinds of user. */
export function indexPage(): string {
	const rows = SERVICES.map(
		([name, path, about]) => `<tr><td>${name}</td><td><code>${path}</code></td><td>${about}</td></tr>`,
	);
	return layout(`
<header class="bar"><div class="brand"><img src="static/img/izzy.png" alt="" width="36" height="36"><span>BookInfo Sample</span></div></header>
<main>
	<section class="hero">
		<p class="eyebrow">Four small services</p>
		<h1>Hello! This is a simple bookstore application</h1>
		<p class="summary">It consists of the services below. Open the product page as a
			<a href="/productpage?u=normal">normal user</a> or as a <a href="/productpage?u=test">test user</a>.</p>
	</section>
	<section class="card">
		<table class="services"><thead><tr><th>Name</th><th>Endpoint</th><th>What it does</th></tr></thead><tbody>${rows.join("")}</tbody></table>
	</section>
</main>`);
}

function layout(body: string): string {
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simple Bookstore App</title>
<link rel="icon" href="static/img/izzy.png">
<link rel="stylesheet" href="static/bookinfo.css">
</head>
<body>${body}
</body>
</html>
`;
}

function signInForm(): string {
	return `<form class="sign-in" method="POST" action="login" name="login_form">
		<input type="text" name="username" id="username" placeholder="User name" aria-label="User name" autocomplete="username" required>
		<input type="password" name="passwd" id="password" placeholder="Password (any)" aria-label="Password" autocomplete="off">
		<button type="submit">Sign in</button>
	</form>`;
}

function signedIn(user: string): string {
	return `<div class="sign-in"><span class="user">${escapeHtml(user)}</span><a href="logout">Sign out</a></div>`;
}

function detailsCard(details: Fetched<Details>): string {
	if (details.value === undefined) return failure("Error fetching product details", details.error);
	const { value } = details;
	const rows = DETAIL_ROWS.map(
		([label, field]) => `<tr><th scope="row">${label}</th><td>${escapeHtml(String(value[field] ?? ""))}</td></tr>`,
	);
	return `<h2>Book Details</h2><table class="details"><tbody>${rows.join("\n")}</tbody></table>`;
}

function reviewsCard(reviews: Fetched<Reviews>): string {
	if (reviews.value === undefined) return failure("Error fetching product reviews", reviews.error);
	const { podname, clustername, reviews: list = [] } = reviews.value;
	const cluster =
		clustername === undefined || clustername === "null" ? "" : ` on cluster <u>${escapeHtml(clustername)}</u>`;
	return `<h2>Book Reviews</h2>
		${list.map(reviewItem).join("\n")}
		<p class="served">Reviews served by: <u>${escapeHtml(podname ?? "")}</u>${cluster}</p>`;
}

function reviewItem({ reviewer, text, rating }: Review): string {
	return `<figure class="review">
			${rating === undefined ? "" : ratingLine(rating)}
			<blockquote>&ldquo;${escapeHtml(text)}&rdquo;</blockquote>
			<figcaption>${escapeHtml(reviewer)}</figcaption>
		</figure>`;
}

function ratingLine({ stars, color, error }: NonNullable<Review["rating"]>): string {
	if (stars === undefined) return `<p class="text-red-500 rating-error">${escapeHtml(error ?? "")}</p>`;
	const icons = Array.from({ length: 5 }, (_, i) => star(i < stars));
	return `<div class="flex gap-x-1 text-${escapeHtml(color ?? "black")}-500" role="img" aria-label="${Number(stars)} of 5 stars">${icons.join("")}</div>`;
}

function star(filled: boolean): string {
	const paint = filled ? 'class="star filled" fill="currentColor"' : 'class="star hollow" fill="none"';
	return `<svg id="glyphicon glyphicon-star" ${paint} stroke="currentColor" viewBox="0 0 20 20" aria-hidden="true"><path d="${STAR_PATH}"/></svg>`;
}

function failure(title: string, sentence: string): string {
	return `<h2 class="text-red-500">${title}</h2><p>${escapeHtml(sentence)}</p>`;
}

function escapeHtml(text: string): string {
	return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
