import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AggregatedDiscoveryService } from "../../src/xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import {
	type DeltaDiscoveryRequest,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
	type DiscoveryRequest,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
	ResourceSchema,
} from "../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsRegistry } from "../../src/xds/registry.ts";
import { RESOURCE_TYPES, type ResourceType } from "../../src/xds/type-urls.ts";

/** A resource in proto3 JSON, packed. */
export function anyOf(type: ResourceType, json: JsonObject): Any {
	return fromJson(AnySchema, { "@type": RESOURCE_TYPES[type], ...json }, { registry: xdsRegistry() });
}

/** Messages for a stream, in their order. */
export class Mailbox<T> implements AsyncIterable<T> {
	readonly #items: T[] = [];
	#wake = () => {};
	#ended = false;
	push(item: T): void {
		this.#items.push(item);
		this.#wake();
	}
	end(): void {
		this.#ended = true;
		this.#wake();
	}
	async *[Symbol.asyncIterator]() {
		for (;;) {
			for (let item = this.#items.shift(); item; item = this.#items.shift()) yield item;
			if (this.#ended) return;
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}
}

/** An ADS server whose test decides what it says: keeps every request, answers nothing by itself. */
export interface ScriptedAds {
	readonly url: string;
	readonly port: number;
	/** Streams opened so far. */
	readonly streams: () => number;
	readonly deltaRequests: DeltaDiscoveryRequest[];
	readonly sotwRequests: DiscoveryRequest[];
	sendDelta(
		type: ResourceType,
		resources: Record<string, JsonObject>,
		options?: { removed?: string[]; version?: string },
	): string;
	sendSotw(type: ResourceType, version: string, resources: readonly JsonObject[]): string;
	/** Cuts every connection, keeps listening. */
	cut(): void;
	close(): Promise<void>;
}

export async function startScriptedAds(port = 0): Promise<ScriptedAds> {
	const deltaRequests: DeltaDiscoveryRequest[] = [];
	const sotwRequests: DiscoveryRequest[] = [];
	let delta: Mailbox<DeltaDiscoveryResponse> | undefined;
	let sotw: Mailbox<DiscoveryResponse> | undefined;
	let streams = 0;
	let nonce = 0;
	const adapter = connectNodeAdapter({
		routes: (router) => {
			router.service(AggregatedDiscoveryService, {
				async *deltaAggregatedResources(requests) {
					streams++;
					const mailbox = new Mailbox<DeltaDiscoveryResponse>();
					delta = mailbox;
					void (async () => {
						for await (const request of requests) deltaRequests.push(request);
					})().then(
						() => mailbox.end(),
						() => mailbox.end(),
					);
					yield* mailbox;
				},
				async *streamAggregatedResources(requests) {
					streams++;
					const mailbox = new Mailbox<DiscoveryResponse>();
					sotw = mailbox;
					void (async () => {
						for await (const request of requests) sotwRequests.push(request);
					})().then(
						() => mailbox.end(),
						() => mailbox.end(),
					);
					yield* mailbox;
				},
			});
		},
	});
	const server = createServer(adapter);
	const sessions = new Set<ServerHttp2Session>();
	server.on("session", (session) => {
		sessions.add(session);
		session.on("close", () => sessions.delete(session));
	});
	server.listen(port, "127.0.0.1");
	await once(server, "listening");
	const bound = (server.address() as AddressInfo).port;
	const cut = () => {
		for (const session of sessions) session.destroy();
	};
	return {
		url: `http://127.0.0.1:${bound}`,
		port: bound,
		streams: () => streams,
		deltaRequests,
		sotwRequests,
		sendDelta(type, resources, { removed = [], version = "1" } = {}) {
			const id = `n${++nonce}`;
			delta!.push(
				create(DeltaDiscoveryResponseSchema, {
					typeUrl: RESOURCE_TYPES[type],
					nonce: id,
					removedResources: removed,
					resources: Object.entries(resources).map(([name, json]) =>
						create(ResourceSchema, { name, version, resource: anyOf(type, json) }),
					),
				}),
			);
			return id;
		},
		sendSotw(type, version, resources) {
			const id = `n${++nonce}`;
			const packed = resources.map((json) => anyOf(type, json));
			sotw!.push(
				create(DiscoveryResponseSchema, {
					typeUrl: RESOURCE_TYPES[type],
					versionInfo: version,
					nonce: id,
					resources: packed,
				}),
			);
			return id;
		},
		cut,
		async close() {
			cut();
			server.close();
			await once(server, "close");
		},
	};
}
