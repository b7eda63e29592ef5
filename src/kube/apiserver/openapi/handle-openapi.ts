import { formatApiVersion } from "../../../kinds/api-version.ts";
import type { KindDefinition } from "../../../kinds/definition.ts";
import { openApiDocument } from "../../../kinds/schema/openapi-document.ts";
import { hashOf } from "../discovery/discovery-documents.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { splitPath } from "../http/exchange.ts";
import type { ResourceTable } from "../rest/resource-table.ts";

interface Document {
	readonly kinds: readonly KindDefinition[];
	readonly json: string;
	readonly hash: string;
}

const YEAR_MS = 365 * 86_400_000;

/**
 * `/openapi/v3`: the list of documents and one document for each group and version, made when first asked for. Their URLs carry
 * a hash, so that clients may keep them for ever.
 */
export class OpenApiHandler {
	readonly #table: ResourceTable;
	readonly #documents = new Map<string, Document>();

	constructor(table: ResourceTable) {
		this.#table = table;
	}

	static handles(path: string): boolean {
		return path === "/openapi/v3" || path.startsWith("/openapi/v3/");
	}

	/** Answers a GET; throws 404 for a group or version that is not served. */
	answer(exchange: Exchange, nowEpochMs: number): void {
		const [, , root, ...rest] = splitPath(exchange.path);
		if (root === undefined) {
			this.#answerRoot(exchange);
			return;
		}
		const [group = "", version = ""] = root === "api" ? ["", rest[0]] : rest;
		const document = this.#document(group, version);
		if (!document || (root !== "api" && root !== "apis")) throw new ApiError(404, "NotFound", "404 page not found");
		const asked = exchange.query.get("hash");
		if (asked !== null && asked !== document.hash) {
			exchange.sendRedirect(urlOf(group, version, document.hash));
			return;
		}
		const headers = {
			"content-type": "application/json",
			etag: `"${document.hash}"`,
			vary: "Accept",
			...(asked === null
				? {}
				: { "cache-control": "public, immutable", expires: new Date(nowEpochMs + YEAR_MS).toUTCString() }),
		};
		if (exchange.header("if-none-match") === headers.etag) exchange.sendNotModified(headers);
		else exchange.sendJson(200, document.json, headers);
	}

	#answerRoot(exchange: Exchange): void {
		const paths: Record<string, { serverRelativeURL: string }> = {};
		for (const group of this.#table.groups()) {
			for (const version of group.versions) {
				const { hash } = this.#document(group.name, version)!;
				const root = group.name === "" ? "api" : "apis";
				paths[`${root}/${formatApiVersion(group.name, version)}`] = {
					serverRelativeURL: urlOf(group.name, version, hash),
				};
			}
		}
		const json = JSON.stringify({ paths });
		const headers = { etag: `"${hashOf(json)}"`, vary: "Accept" };
		if (exchange.header("if-none-match") === headers.etag) exchange.sendNotModified(headers);
		else exchange.sendJson(200, json, headers);
	}

	#document(groupName: string, version: string): Document | undefined {
		const group = this.#table.group(groupName);
		if (!group?.versions.includes(version)) return undefined;
		const key = formatApiVersion(groupName, version);
		const known = this.#documents.get(key);
		if (known && isSameList(known.kinds, group.kinds)) return known;
		const json = JSON.stringify(openApiDocument(group.kinds, groupName, version));
		const document = { kinds: group.kinds, json, hash: hashOf(json) };
		this.#documents.set(key, document);
		return document;
	}
}

function urlOf(group: string, version: string, hash: string): string {
	const root = group === "" ? "api" : "apis";
	return `/openapi/v3/${root}/${formatApiVersion(group, version)}?hash=${encodeURIComponent(hash)}`;
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
	return a.length === b.length && a.every((item, at) => item === b[at]);
}
