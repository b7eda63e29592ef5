import { notAcceptable, unknownResource } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { splitPath } from "../http/exchange.ts";
import { type MediaType, parseAccept } from "../http/media-type.ts";
import type { ResourceTable } from "../rest/resource-table.ts";
import {
	type AggregatedVersion,
	aggregatedDiscovery,
	coreVersions,
	groupDocument,
	groupList,
	hashOf,
	resourceList,
} from "./discovery-documents.ts";

const JSON_TYPE = "application/json";

/** Answers the discovery paths; documents are made once for each state of the resource table. */
export class DiscoveryHandler {
	readonly #table: ResourceTable;
	readonly #serverAddress: () => string;
	readonly #documents = new Map<string, { readonly json: string; readonly etag: string }>();
	#generation = -1;

	constructor(table: ResourceTable, serverAddress: () => string) {
		this.#table = table;
		this.#serverAddress = serverAddress;
	}

	/** True for `/api`, `/apis`, `/api/v1`, `/apis/{group}` and `/apis/{group}/{version}`. */
	static handles(path: string): boolean {
		return /^\/(api(\/[^/]+)?|apis(\/[^/]+){0,2})\/?$/.test(path);
	}

	/** Answers a GET; throws 404 for a group or version that is not served and 406. */
	answer(exchange: Exchange): void {
		const [root = "", ...rest] = splitPath(exchange.path);
		if (rest.length === 0) this.#answerRoot(exchange, root as "api" | "apis");
		else if (root === "api") this.#send(exchange, JSON_TYPE, () => resourceList(this.#table, "", rest[0]!));
		else if (rest.length === 1) this.#send(exchange, JSON_TYPE, () => groupDocument(this.#table, rest[0]!));
		else this.#send(exchange, JSON_TYPE, () => resourceList(this.#table, rest[0]!, rest[1]!));
	}

	#answerRoot(exchange: Exchange, root: "api" | "apis"): void {
		const version = pickRootVersion(exchange.header("accept"));
		if (version === undefined) throw notAcceptable([JSON_TYPE]);
		if (version === "legacy") {
			this.#send(exchange, JSON_TYPE, () =>
				root === "api" ? coreVersions(this.#serverAddress()) : groupList(this.#table),
			);
			return;
		}
		// The client decides by these parameters which document it was given.
		const type = `${JSON_TYPE};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
		this.#send(exchange, type, () => aggregatedDiscovery(this.#table, root, version));
	}

	#send(exchange: Exchange, contentType: string, make: () => object | undefined): void {
		const document = this.#document(`${exchange.path} ${contentType}`, make);
		const headers = { "content-type": contentType, etag: document.etag, vary: "Accept", "cache-control": "public" };
		if (exchange.header("if-none-match") === document.etag) exchange.sendNotModified(headers);
		else exchange.sendJson(200, document.json, headers);
	}

	#document(key: string, make: () => object | undefined): { readonly json: string; readonly etag: string } {
		if (this.#generation !== this.#table.generation) {
			this.#documents.clear();
			this.#generation = this.#table.generation;
		}
		const known = this.#documents.get(key);
		if (known) return known;
		const value = make();
		if (!value) throw unknownResource();
		const json = JSON.stringify(value);
		const document = { json, etag: `"${hashOf(json)}"` };
		this.#documents.set(key, document);
		return document;
	}
}

function pickRootVersion(accept: string | undefined): AggregatedVersion | "legacy" | undefined {
	for (const media of parseAccept(accept)) {
		const version = rootVersionOf(media);
		if (version) return version;
	}
	return undefined;
}

function rootVersionOf({ type, parameters }: MediaType): AggregatedVersion | "legacy" | undefined {
	if (type !== JSON_TYPE && type !== "*/*" && type !== "application/*") return undefined;
	if (parameters.as === undefined) return "legacy";
	if (parameters.g !== "apidiscovery.k8s.io" || parameters.as !== "APIGroupDiscoveryList") return undefined;
	return parameters.v === "v2" || parameters.v === "v2beta1" ? parameters.v : undefined;
}
