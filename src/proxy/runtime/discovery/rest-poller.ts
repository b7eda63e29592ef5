import { once } from "node:events";
import { request } from "node:http";
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import type { DiscoverySource } from "../../../xds/config-source.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type DiscoveryRequest,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";
import type { Subscription } from "../../xdsclient/session.ts";
import { SotwSession } from "../../xdsclient/sotw-session.ts";
import type { Dial } from "../services/dial-address.ts";

export interface RestPollerOptions {
	readonly type: ResourceType;
	readonly source: DiscoverySource & { kind: "rest" };
	readonly wanted: Subscription;
	readonly dial: Dial;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** Envoy: the HTTP annotations of the discovery services. */
const PATHS: Readonly<Record<ResourceType, string>> = {
	cluster: "/v3/discovery:clusters",
	endpoint: "/v3/discovery:endpoints",
	listener: "/v3/discovery:listeners",
	scopedRoute: "/v3/discovery:scoped-routes",
	route: "/v3/discovery:routes",
	virtualHost: "/v3/discovery:virtual_hosts",
	secret: "/v3/discovery:secrets",
	extension: "/v3/discovery:extension_configs",
};
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Asks a server for resources over HTTP, again and again (Envoy: ApiConfigSource REST). */
export class RestPoller {
	readonly #options: RestPollerOptions;
	readonly #session: SotwSession;
	readonly #abort = new AbortController();
	#next: DiscoveryRequest;
	#cancelWait = () => {};

	constructor(options: RestPollerOptions) {
		this.#options = options;
		this.#session = new SotwSession(options.node, options.handler, options.clock);
		const [first] = this.#session.subscribe(options.type, options.wanted);
		this.#next = first ?? create(DiscoveryRequestSchema);
		void this.#poll();
	}

	close(): void {
		this.#abort.abort();
		this.#cancelWait();
		this.#session.close();
	}

	async #poll(): Promise<void> {
		const { clock, logger, source, type, node } = this.#options;
		try {
			const response = await this.#ask();
			const [answer] = response ? this.#session.receive(response) : [];
			// Each request stands for itself: it names the node, and answers nothing.
			if (answer) this.#next = { ...answer, node, responseNonce: "", errorDetail: undefined };
		} catch (error) {
			if (!this.#abort.signal.aborted)
				logger.warn({ type, cluster: source.cluster, reason: (error as Error).message }, "the poll failed");
		}
		if (this.#abort.signal.aborted) return;
		this.#cancelWait = clock.after(source.refreshMs, () => void this.#poll());
	}

	/** Undefined: nothing new (304). Rejects when there is no answer in time. */
	async #ask(): Promise<DiscoveryResponse | undefined> {
		const { dial, source, type } = this.#options;
		const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(source.requestTimeoutMs)]);
		const body = JSON.stringify(toJson(DiscoveryRequestSchema, this.#next, { registry: xdsRegistry() }));
		const headers = {
			host: source.cluster,
			"content-type": "application/json",
			"content-length": Buffer.byteLength(body),
		};
		const { connect } = dial;
		const sent = request(new URL(PATHS[type], dial.url), {
			method: "POST",
			headers,
			signal,
			...(connect && { createConnection: () => connect() }),
		});
		sent.end(body);
		const [response] = await once(sent, "response", { signal });
		if (response.statusCode === 304) {
			response.resume();
			return undefined;
		}
		const pieces: Buffer[] = [];
		let bytes = 0;
		for await (const piece of response) {
			bytes += piece.length;
			if (bytes > MAX_ANSWER_BYTES) throw new Error("the answer is too long");
			pieces.push(piece);
		}
		if (response.statusCode !== 200) throw new Error(`the server answered with ${response.statusCode}`);
		const json = JSON.parse(Buffer.concat(pieces).toString()) as JsonValue;
		return fromJson(DiscoveryResponseSchema, json, { registry: xdsRegistry(), ignoreUnknownFields: true });
	}
}
