import { once } from "node:events";
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ClusterDiscoveryService } from "../../src/xds/generated/envoy/service/cluster/v3/cds_pb.ts";
import { AggregatedDiscoveryService } from "../../src/xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import {
	type DeltaDiscoveryRequest,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
	type DiscoveryRequest,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
	type Resource,
	ResourceSchema,
} from "../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { EndpointDiscoveryService } from "../../src/xds/generated/envoy/service/endpoint/v3/eds_pb.ts";
import { ExtensionConfigDiscoveryService } from "../../src/xds/generated/envoy/service/extension/v3/config_discovery_pb.ts";
import { ListenerDiscoveryService } from "../../src/xds/generated/envoy/service/listener/v3/lds_pb.ts";
import {
	RouteDiscoveryService,
	VirtualHostDiscoveryService,
} from "../../src/xds/generated/envoy/service/route/v3/rds_pb.ts";
import { ScopedRoutesDiscoveryService } from "../../src/xds/generated/envoy/service/route/v3/srds_pb.ts";
import { xdsRegistry } from "../../src/xds/registry.ts";
import { RESOURCE_TYPES, type ResourceType } from "../../src/xds/type-urls.ts";
import { anyOf, Mailbox } from "./scripted-ads.ts";

interface Held {
	readonly json: JsonObject;
	readonly version: string;
	readonly aliases: readonly string[];
	readonly ttlMs: number | undefined;
}

interface PutOptions {
	readonly version?: string;
	readonly aliases?: readonly string[];
	readonly ttlMs?: number;
}

/** One open stream's interest in one type. */
interface Interest {
	readonly names: Set<string>;
	all: boolean;
	push(changed: readonly string[]): void;
}

/**
 * An xDS server that holds resources and answers like go-control-plane: SotW and delta, all types on one stream or each on its own, and REST
 * (`restPort`). Refused answers are kept in `nacks`.
 */
export class XdsServer {
	readonly nacks: { readonly type: string; readonly message: string }[] = [];
	/** Every request as one readable line. */
	readonly requests: string[] = [];
	port = 0;
	restPort = 0;
	/** Types that get no answer. */
	readonly muted = new Set<ResourceType>();
	/** How names that nobody has are answered in delta: as removed, as a resource without content, or not at all. */
	unknown: "removed" | "empty" | "silent" = "removed";
	readonly #held = new Map<string, Map<string, Held>>();
	readonly #interests = new Map<string, Set<Interest>>();
	readonly #sessions = new Set<ServerHttp2Session>();
	readonly #closers: (() => unknown)[] = [];
	#version = 0;
	#nonce = 0;

	/** Adds or changes resources (by name) and sends them to who asked. */
	put(type: ResourceType, resources: Readonly<Record<string, JsonObject>>, options: PutOptions = {}): void {
		const version = options.version ?? String(++this.#version);
		const table = this.#table(RESOURCE_TYPES[type]);
		const { aliases = [], ttlMs } = options;
		for (const [name, json] of Object.entries(resources)) table.set(name, { json, version, aliases, ttlMs });
		this.#push(type, Object.keys(resources));
	}

	remove(type: ResourceType, ...names: string[]): void {
		const table = this.#table(RESOURCE_TYPES[type]);
		this.#version++;
		for (const name of names) table.delete(name);
		this.#push(type, names);
	}

	/** Ends every connection; the proxy comes back. */
	cut(): void {
		for (const session of this.#sessions) session.destroy();
	}

	async start(): Promise<this> {
		const server = createServer(connectNodeAdapter({ routes: (router) => this.#services(router) }));
		server.on("session", (session) => {
			this.#sessions.add(session);
			session.on("close", () => this.#sessions.delete(session));
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		this.port = (server.address() as AddressInfo).port;
		const rest = createHttp1((request, response) => void this.#fetch(request, response)).listen(0, "127.0.0.1");
		await once(rest, "listening");
		this.restPort = (rest.address() as AddressInfo).port;
		this.#closers.push(
			() => server.close(),
			() => rest.closeAllConnections(),
			() => rest.close(),
		);
		return this;
	}

	close(): void {
		this.cut();
		for (const close of this.#closers) close();
	}

	#services(router: ConnectRouter): void {
		const sotw = (requests: AsyncIterable<DiscoveryRequest>) => this.#sotw(requests);
		const delta = (requests: AsyncIterable<DeltaDiscoveryRequest>) => this.#delta(requests);
		router.service(AggregatedDiscoveryService, { streamAggregatedResources: sotw, deltaAggregatedResources: delta });
		router.service(ClusterDiscoveryService, { streamClusters: sotw, deltaClusters: delta });
		router.service(EndpointDiscoveryService, { streamEndpoints: sotw, deltaEndpoints: delta });
		router.service(ListenerDiscoveryService, { streamListeners: sotw, deltaListeners: delta });
		router.service(RouteDiscoveryService, { streamRoutes: sotw, deltaRoutes: delta });
		router.service(ScopedRoutesDiscoveryService, { streamScopedRoutes: sotw, deltaScopedRoutes: delta });
		router.service(ExtensionConfigDiscoveryService, { streamExtensionConfigs: sotw, deltaExtensionConfigs: delta });
		router.service(VirtualHostDiscoveryService, { deltaVirtualHosts: delta });
	}

	#table(url: string): Map<string, Held> {
		let table = this.#held.get(url);
		if (!table) {
			table = new Map();
			this.#held.set(url, table);
		}
		return table;
	}

	#push(type: ResourceType, names: readonly string[]): void {
		if (this.muted.has(type)) return;
		for (const interest of this.#interests.get(RESOURCE_TYPES[type]) ?? []) interest.push(names);
	}

	#note(typeUrl: string, what: string, error: { message: string } | undefined): void {
		const type = typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
		if (error) this.nacks.push({ type, message: error.message });
		this.requests.push(`${type} ${error ? "NACK" : what}`);
	}

	#isMuted(url: string): boolean {
		return [...this.muted].some((type) => RESOURCE_TYPES[type] === url);
	}

	async *#delta(requests: AsyncIterable<DeltaDiscoveryRequest>): AsyncGenerator<DeltaDiscoveryResponse> {
		const out = new Mailbox<DeltaDiscoveryResponse>();
		const mine = new Map<string, Interest>();
		void this.#readDelta(requests, mine, out).then(
			() => out.end(),
			() => out.end(),
		);
		try {
			yield* out;
		} finally {
			for (const [url, interest] of mine) this.#interests.get(url)?.delete(interest);
		}
	}

	async #readDelta(
		requests: AsyncIterable<DeltaDiscoveryRequest>,
		mine: Map<string, Interest>,
		out: Mailbox<DeltaDiscoveryResponse>,
	): Promise<void> {
		for await (const request of requests) {
			const { typeUrl: url, resourceNamesSubscribe: more, resourceNamesUnsubscribe: less } = request;
			const isFirst = !mine.has(url);
			const words = [...more.map((n) => `+${n}`), ...less.map((n) => `-${n}`)];
			const kind = request.responseNonce !== "" ? "ACK" : "ask";
			this.#note(url, [kind, ...words].join(" "), request.errorDetail);
			const interest = mine.get(url) ?? { names: new Set(), all: more.length === 0, push: () => {} };
			if (isFirst) {
				const interests = this.#interests.get(url) ?? new Set();
				this.#interests.set(url, interests.add(interest));
				mine.set(url, interest);
				interest.push = (names) =>
					this.#sendDelta(
						url,
						names.filter((n) => wants(interest, n)),
						out,
						"removed",
					);
			}
			for (const name of more) {
				if (name === "*") interest.all = true;
				else interest.names.add(name);
			}
			for (const name of less) interest.names.delete(name);
			if (this.#isMuted(url)) continue;
			const table = this.#table(url);
			const names = isFirst && interest.all ? [...table.keys()] : more.flatMap((name) => this.#namesFor(url, name));
			const changed = names.filter((n) => request.initialResourceVersions[n] !== (table.get(n)?.version ?? ""));
			const gone = Object.keys(request.initialResourceVersions).filter((n) => !table.has(n));
			if (changed.length + gone.length > 0 || (isFirst && interest.all))
				this.#sendDelta(url, [...new Set([...changed, ...gone])], out, this.unknown);
		}
	}

	/** The resources that a name stands for: its own, one that has it as alias, all of a namespace; else itself. */
	#namesFor(url: string, name: string): string[] {
		const table = this.#table(url);
		if (table.has(name)) return [name];
		const found = [...table].filter(([key, { aliases }]) => key.startsWith(`${name}/`) || aliases.includes(name));
		if (found.length > 0 || (url === RESOURCE_TYPES.virtualHost && !name.includes("/")))
			return found.map(([key]) => key);
		return [name];
	}

	#sendDelta(
		typeUrl: string,
		names: readonly string[],
		out: Mailbox<DeltaDiscoveryResponse>,
		unknown: XdsServer["unknown"],
	): void {
		const table = this.#table(typeUrl);
		const known = names.filter((name) => table.has(name));
		const missing = names.filter((name) => !table.has(name));
		const resources: Resource[] = known.map((name) => resourceOf(typeUrl, name, table.get(name)!));
		if (unknown === "empty")
			resources.push(...missing.map((name) => create(ResourceSchema, { name, aliases: [name], version: "0" })));
		const removedResources = unknown === "removed" ? missing : [];
		if (names.length > 0 && resources.length + removedResources.length === 0) return;
		const systemVersionInfo = String(this.#version);
		const nonce = String(++this.#nonce);
		out.push(create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, resources, removedResources, systemVersionInfo }));
	}

	async *#sotw(requests: AsyncIterable<DiscoveryRequest>): AsyncGenerator<DiscoveryResponse> {
		const out = new Mailbox<DiscoveryResponse>();
		const mine = new Map<string, Interest>();
		void this.#readSotw(requests, mine, out).then(
			() => out.end(),
			() => out.end(),
		);
		try {
			yield* out;
		} finally {
			for (const [url, interest] of mine) this.#interests.get(url)?.delete(interest);
		}
	}

	async #readSotw(
		requests: AsyncIterable<DiscoveryRequest>,
		mine: Map<string, Interest>,
		out: Mailbox<DiscoveryResponse>,
	): Promise<void> {
		for await (const { typeUrl: url, resourceNames, responseNonce, errorDetail } of requests) {
			const kind = responseNonce !== "" ? "ACK" : "ask";
			this.#note(url, [kind, ...resourceNames].join(" "), errorDetail);
			const before = mine.get(url);
			const interest = before ?? { names: new Set<string>(), all: false, push: () => {} };
			const isNew = !before || resourceNames.some((name) => !before.names.has(name));
			interest.names.clear();
			for (const name of resourceNames) interest.names.add(name);
			interest.all = resourceNames.length === 0 || resourceNames.includes("*");
			const send = () => {
				const response = this.#sotwResponse(url, interest);
				if (response) out.push(response);
			};
			if (!before) {
				mine.set(url, interest);
				const interests = this.#interests.get(url) ?? new Set();
				this.#interests.set(url, interests.add(interest));
				interest.push = (names) => names.some((name) => wants(interest, name)) && send();
			}
			if (isNew && !this.#isMuted(url)) send();
		}
	}

	#sotwResponse(url: string, interest: Interest): DiscoveryResponse | undefined {
		const found = [...this.#table(url)].filter(([name]) => wants(interest, name));
		if (found.length === 0 && !interest.all) return undefined;
		const type = typeOf(url);
		const resources = found.map(([, { json }]) => anyOf(type, json));
		const versionInfo = String(this.#version);
		return create(DiscoveryResponseSchema, { typeUrl: url, versionInfo, nonce: String(++this.#nonce), resources });
	}

	async #fetch(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
		let text = "";
		for await (const piece of incoming) text += piece;
		const request = fromJson(DiscoveryRequestSchema, JSON.parse(text), { registry: xdsRegistry() });
		const kind = /discovery:([a-z_]+)$/.exec(incoming.url ?? "")?.[1] ?? "";
		const type = REST[kind];
		this.requests.push(
			`${incoming.method} ${incoming.url} ${request.resourceNames.join(",")} v=${request.versionInfo}`,
		);
		if (!type || this.muted.has(type)) return void response.writeHead(type ? 503 : 404).end();
		const names = new Set(request.resourceNames);
		const interest = { names, all: names.size === 0, push: () => {} };
		const answer = this.#sotwResponse(RESOURCE_TYPES[type], interest) ?? create(DiscoveryResponseSchema, {});
		response.writeHead(200, { "content-type": "application/json" });
		response.end(JSON.stringify(toJson(DiscoveryResponseSchema, answer, { registry: xdsRegistry() })));
	}
}

const REST: Readonly<Record<string, ResourceType>> = {
	clusters: "cluster",
	endpoints: "endpoint",
	listeners: "listener",
	routes: "route",
	scoped_routes: "scopedRoute",
	extension_configs: "extension",
};

function typeOf(url: string): ResourceType {
	return Object.entries(RESOURCE_TYPES).find(([, each]) => each === url)![0] as ResourceType;
}

function wants({ names, all }: Interest, name: string): boolean {
	if (all || names.has(name)) return true;
	const slash = name.lastIndexOf("/");
	return slash > 0 && names.has(name.slice(0, slash));
}

function resourceOf(typeUrl: string, name: string, { json, version, aliases, ttlMs }: Held): Resource {
	return create(ResourceSchema, {
		name,
		version,
		aliases: [...aliases],
		resource: anyOf(typeOf(typeUrl), json),
		...(ttlMs !== undefined && { ttl: { seconds: BigInt(Math.trunc(ttlMs / 1000)), nanos: (ttlMs % 1000) * 1e6 } }),
	});
}
