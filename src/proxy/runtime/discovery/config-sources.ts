import type { Clock } from "../../../lib/clock.ts";
import { ProblemError, problem } from "../../../lib/problem.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logging } from "../../../telemetry/logger.ts";
import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { type Discovered, type DiscoverySource, sourceKey } from "../../../xds/config-source.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { DISCOVERY_NAMES, type ResourceType } from "../../../xds/type-urls.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";
import type { Subscription } from "../../xdsclient/session.ts";
import type { AdsSettings, BootstrapSettings } from "../bootstrap/bootstrap-settings.ts";
import { DiscoveryFile, type DiscoveryPath } from "../files/discovery-file.ts";
import { type Dial, dialOfChannel } from "../services/dial-address.ts";
import type { WarmGate } from "../warm-gate.ts";
import type { AdsConnection } from "./ads-connection.ts";
import type { Initialisation } from "./initialisation.ts";
import type { OwnSource } from "./own-source.ts";

/** Types whose resources are wanted because others name them. */
export type NamedType = Exclude<ResourceType, "cluster" | "listener">;

/** A resource that is wanted, and from where. */
export interface Wanted {
	/** Empty: everything that the source has. */
	readonly name: string;
	readonly source: DiscoverySource;
	/** Marks what comes: the route configuration of virtual hosts, which has a stream of its own; the source of scopes. */
	readonly owner?: string;
	/** Routes: of the connection manager that wants them. */
	readonly statPrefix?: string;
}

export interface ConfigSourcesDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly logging: Logging;
	readonly registry: MetricRegistry;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly gate: WarmGate;
	readonly initialisation: Initialisation;
	/** Calls back some time after anything in a folder changed. */
	watch(folder: string, onChange: () => void): { close(): void };
	/** How to reach the server of a cluster of the bootstrap; undefined: it has none. */
	dial(cluster: string): Dial | undefined;
	/** All resources of a type have been asked for. */
	onAsked(type: "cluster" | "listener"): void;
	/** What is wanted of a type now. */
	wanted(type: NamedType): readonly Wanted[];
}

const NAMED_TYPES: readonly NamedType[] = ["endpoint", "scopedRoute", "route", "virtualHost", "secret", "extension"];

/** Where configuration comes from while the proxy runs: one ADS stream, streams of single types, polled servers, and files. */
export class ConfigSources {
	readonly #deps: ConfigSourcesDeps;
	/** By type, source and name. */
	readonly #own = new Map<string, OwnSource>();
	#ads: AdsConnection | undefined;
	#closed = false;

	constructor(deps: ConfigSourcesDeps) {
		this.#deps = deps;
	}

	/** Opens the ADS stream and asks for clusters, then for listeners. Throws ProblemError when there is nothing to dial. */
	async start({ ads, clusters, listeners }: Pick<BootstrapSettings, "ads" | "clusters" | "listeners">): Promise<void> {
		const { initialisation, gate } = this.#deps;
		if (ads) await this.#connectAds(ads);
		initialisation.expect({ clusters: isRemote(clusters), listeners: isRemote(listeners) });
		if (clusters) await this.#everything("cluster", clusters.source);
		for (const type of NAMED_TYPES) this.want(type);
		if (listeners) {
			const ask = () => this.#everything("listener", listeners.source);
			if (listeners.source.kind === "file" && !isRemote(clusters)) await ask();
			else if (isRemote(clusters))
				initialisation.afterClusters(clusters!.initialFetchMs, () => gate.whenWarm(() => void ask()));
			else gate.whenWarm(() => void ask());
		}
		this.#ads?.start();
	}

	/** What is wanted of a type may have changed. */
	want(type: NamedType): void {
		if (this.#closed) return;
		const wanted = this.#deps.wanted(type);
		this.#ads?.subscribe(type, namesOf(wanted));
		const keys = new Map(wanted.filter(({ source }) => source.kind !== "ads").map((one) => [keyOf(type, one), one]));
		for (const [key, source] of this.#own) {
			if (!key.startsWith(`${type} `) || keys.has(key)) continue;
			source.close();
			this.#own.delete(key);
		}
		for (const [key, one] of keys) if (!this.#own.has(key)) void this.#open(type, key, one);
	}

	/** Asks the source of an owner's virtual hosts for some of them at once. */
	demand(type: "virtualHost", owner: string, names: readonly string[]): void {
		for (const one of this.#deps.wanted(type)) {
			if (one.owner !== owner) continue;
			if (one.source.kind === "ads") this.#ads?.demand(type, names);
			else this.#own.get(keyOf(type, one))?.demand?.(names);
		}
	}

	/** Resources of one type that only some user wants: read at once, then watched until the returned function is called. */
	watchFile(type: ResourceType, path: DiscoveryPath, handler: ResourceHandler): () => void {
		const file = new DiscoveryFile(type, path, handler, this.#fileDeps());
		void file.read();
		return () => file.close();
	}

	close(): void {
		this.#closed = true;
		this.#ads?.close();
		for (const source of this.#own.values()) source.close();
	}

	async #connectAds(settings: AdsSettings): Promise<void> {
		const at = "dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name";
		const { channel, cluster } = settings;
		const dial = channel ? dialOfChannel(channel) : this.#deps.dial(cluster);
		if (!dial) throw new ProblemError([problem("LTN3526", at, `the cluster "${cluster}" has no endpoint to dial`)]);
		const { logging, registry } = this.#deps;
		const { connectAds } = await import("./ads-connection.ts");
		this.#ads = connectAds({
			...this.#deps,
			api: settings.api,
			dial,
			logger: logging.component("config"),
			connectedState: registry.scope("control_plane.").gauge("connected_state"),
		});
	}

	async #everything(type: "cluster" | "listener", source: DiscoverySource): Promise<void> {
		this.#deps.onAsked(type);
		if (source.kind === "ads") this.#ads?.subscribe(type, "all");
		else await this.#open(type, keyOf(type, { name: "", source }), { name: "", source });
	}

	async #open(type: ResourceType, key: string, wanted: Wanted): Promise<void> {
		const { source } = wanted;
		if (source.kind === "ads") return;
		if (source.kind === "file") {
			const file = new DiscoveryFile(type, source, this.#handlerFor(wanted), this.#fileDeps());
			this.#own.set(key, file);
			await file.read();
			return;
		}
		const logger = this.#deps.logging.component("config");
		const dial = this.#deps.dial(source.cluster);
		if (!dial) {
			logger.warn({ cluster: source.cluster, type }, "the server of the configuration has no address");
			return;
		}
		let closed = false;
		this.#own.set(key, { close: () => (closed = true) });
		const { openOwnSource } = await import("./own-source.ts");
		if (closed || this.#closed) return;
		const handler = this.#handlerFor(wanted);
		this.#own.set(
			key,
			openOwnSource({
				...this.#deps,
				logger,
				handler,
				type,
				source,
				dial,
				wanted: namesOf([wanted]),
				statPrefix: statPrefixOf(type, wanted),
			}),
		);
	}

	#handlerFor({ owner }: Wanted): ResourceHandler {
		const { handler } = this.#deps;
		return owner === undefined ? handler : { apply: (update) => handler.apply({ ...update, owner }) };
	}

	#fileDeps() {
		return { logger: this.#deps.logging.component("config"), watch: this.#deps.watch };
	}
}

function isRemote(discovered: Discovered | undefined): boolean {
	return discovered !== undefined && discovered.source.kind !== "file";
}

/** What an ADS stream is asked for. */
function namesOf(wanted: readonly Wanted[]): Subscription {
	const names = wanted.filter(({ source }) => source.kind === "ads" || wanted.length === 1).map(({ name }) => name);
	return names.includes("") ? "all" : new Set(names);
}

/** A file holds all of a type and is read once. */
function keyOf(type: ResourceType, { source, name, owner = "" }: Wanted): string {
	return source.kind === "file" ? `${type} ${sourceKey(source)}` : `${type} ${sourceKey(source)} ${owner} ${name}`;
}

/** Where Envoy counts what a stream of its own does. */
function statPrefixOf(type: ResourceType, { name, statPrefix = "" }: Wanted): string {
	if (type === "cluster") return "cluster_manager.cds.";
	if (type === "listener") return "listener_manager.lds.";
	if (type === "endpoint") return `cluster.${name}.`;
	return type === "route" ? `http.${statPrefix}.rds.${name}.` : `${DISCOVERY_NAMES[type].toLowerCase()}.${name}.`;
}
