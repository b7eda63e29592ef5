import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { formatProblem, type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import {
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";
import { decodeResource, type IncomingResource, type ResourceHandler } from "../../xdsclient/resource-update.ts";
import { parseConfigText } from "../bootstrap/bootstrap-file.ts";
import { findUnknownFields } from "../bootstrap/unknown-fields.ts";

/** Where a DiscoveryResponse is kept (Envoy: PathConfigSource). */
export interface DiscoveryPath {
	readonly path: string;
	/** Its folder is watched unless another one is named. */
	readonly watchedFolder?: string | undefined;
}

export interface DiscoveryFileDeps {
	readonly logger: Logger;
	/** Calls back some time after anything in a folder changed. */
	watch(folder: string, onChange: () => void): { close(): void };
}

/**
 * A file that holds the resources of one type as a DiscoveryResponse in YAML or JSON. It is the whole truth of its type: what a new version leaves
 * out is removed. A version that is broken changes nothing, and the last good one stays in force.
 */
export class DiscoveryFile {
	readonly #type: ResourceType;
	readonly #at: DiscoveryPath;
	readonly #handler: ResourceHandler;
	readonly #deps: DiscoveryFileDeps;
	readonly #watch: { close(): void };
	#names: ReadonlySet<string> = new Set();
	#text = "";

	constructor(type: ResourceType, at: DiscoveryPath, handler: ResourceHandler, deps: DiscoveryFileDeps) {
		this.#type = type;
		this.#at = at;
		this.#handler = handler;
		this.#deps = deps;
		this.#watch = deps.watch(at.watchedFolder ?? dirname(at.path), () => void this.read());
	}

	/** Reads the file and puts what it says into force; never rejects. */
	async read(): Promise<void> {
		const { logger } = this.#deps;
		try {
			const text = readFileSync(this.#at.path, "utf8");
			if (text === this.#text) return;
			this.#text = text;
			this.#apply(await parseResources(this.#type, text, this.#at.path));
		} catch (error) {
			const reason = error instanceof ProblemError ? error.problems.map(formatProblem).join("; ") : String(error);
			logger.warn({ file: this.#at.path, reason }, "the file was not taken, the last good one stays in force");
		}
	}

	close(): void {
		this.#watch.close();
	}

	#apply(added: readonly IncomingResource[]): void {
		const names = new Set(added.map(({ name }) => name));
		const removed = [...this.#names].filter((name) => !names.has(name));
		this.#names = names;
		const { problems } = this.#handler.apply({
			type: this.#type,
			added,
			removed,
			version: added[0]?.version ?? "",
		});
		if (problems.length === 0) return;
		const reasons = problems.map(formatProblem);
		this.#deps.logger.warn({ file: this.#at.path, reasons }, "resources of the file were refused");
	}
}

/** The resources in a DiscoveryResponse's text; throws ProblemError with everything that is wrong. */
export async function parseResources(type: ResourceType, text: string, file: string): Promise<IncomingResource[]> {
	const json = await parseConfigText(text, file);
	const unknown = findUnknownFields(DiscoveryResponseSchema, json);
	if (unknown.length > 0) throw new ProblemError(unknown);
	const response = readResponse(json, file);
	const problems: Problem[] = [];
	const resources = response.resources.flatMap((any, i) => {
		const decoded = decodeResource(type, any, response.versionInfo, `${file} resources[${i}]`);
		if (!("problem" in decoded)) return [decoded];
		problems.push(decoded.problem);
		return [];
	});
	if (problems.length > 0) throw new ProblemError(problems);
	return resources;
}

function readResponse(json: Parameters<typeof fromJson>[1], file: string): DiscoveryResponse {
	try {
		return fromJson(DiscoveryResponseSchema, json, { registry: xdsRegistry() });
	} catch (error) {
		throw new ProblemError([problem("LTN3512", file, (error as Error).message)], { cause: error });
	}
}
