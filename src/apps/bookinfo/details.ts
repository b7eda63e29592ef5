import type { OutgoingHttpHeaders } from "node:http";
import { json } from "../kit/answer.ts";
import { bookinfoHeaders, pickHeaders } from "../kit/forward-headers.ts";
import { readBody } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { type Env, serve } from "../kit/serve.ts";

const PORT = 9080;
const ISBN = "0486424618";
const BOOKS_HOST = "www.googleapis.com";
const BOOKS_PATH = `/books/v1/volumes?q=isbn:${ISBN}`;

const BOOK = {
	author: "William Shakespeare",
	year: 1595,
	type: "paperback",
	pages: 200,
	publisher: "PublisherA",
	language: "English",
	"ISBN-10": "1234567890",
	"ISBN-13": "123-1234567890",
};

/** What is asked of the external book service; answers the parsed JSON. */
type BookLookup = (headers: OutgoingHttpHeaders) => Promise<unknown>;

/** Bookinfo's details of a book: fixed ones, or (v2) those of an external book service. */
export function details(lookUp?: BookLookup): Handler {
	return router({
		"GET /health": () => json({ status: "Details is healthy" }),
		"GET /details/*": async (request) => {
			const last = request.path.split("/").at(-1) ?? "";
			if (!/^[+-]?\d+$/.test(last)) return json({ error: "please provide numeric product id" }, 400);
			const id = Number(last);
			if (!lookUp) return json({ id, ...BOOK });
			const headers = { ...bookinfoHeaders(request), ...pickHeaders(request, ["end-user"]) };
			return json({ id, ...bookOf(await lookUp(headers)) });
		},
	});
}

interface Volume {
	readonly authors: readonly string[];
	readonly publishedDate: string;
	readonly printType: string;
	readonly pageCount: number;
	readonly publisher: string;
	readonly language: string;
	readonly industryIdentifiers: readonly { readonly type: string; readonly identifier: string }[];
}

function bookOf(answer: unknown): typeof BOOK | Record<string, unknown> {
	const volume = (answer as { items?: { volumeInfo: Volume }[] }).items?.[0]?.volumeInfo;
	if (!volume) throw new Error("the book service knows no such book");
	const isbn = (type: string) => volume.industryIdentifiers.find((id) => id.type === type)?.identifier;
	return {
		author: volume.authors[0],
		year: volume.publishedDate,
		type: volume.printType === "BOOK" ? "paperback" : "unknown",
		pages: volume.pageCount,
		publisher: volume.publisher,
		language: volume.language === "en" ? "English" : "unknown",
		"ISBN-10": isbn("ISBN_10"),
		"ISBN-13": isbn("ISBN_13"),
	};
}

/** Asks Google Books, by TLS unless DO_NOT_ENCRYPT is "true" (then the mesh is expected to originate TLS). */
function googleBooks(env: Env): BookLookup {
	const plain = env.DO_NOT_ENCRYPT === "true";
	const { get } = plain ? process.getBuiltinModule("node:http") : process.getBuiltinModule("node:https");
	const url = `${plain ? "http" : "https"}://${BOOKS_HOST}${BOOKS_PATH}`;
	return (headers) =>
		new Promise((resolve, reject) => {
			const request = get(url, { headers, timeout: 5000 }, (message) => {
				readBody(message)
					.then((body) => resolve(JSON.parse(body.toString())))
					.catch(reject);
			});
			request.on("timeout", () => request.destroy(new Error("the book service did not answer within 5 s")));
			request.on("error", reject);
		});
}

export async function start(env: Env): Promise<void> {
	const external = env.ENABLE_EXTERNAL_BOOK_SERVICE === "true";
	await serve("details", details(external ? googleBooks(env) : undefined), { port: PORT, env });
}
