import type { Clock } from "../../lib/clock.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import type { Random } from "../../lib/random.ts";
import type { Logging } from "../../telemetry/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { ResourceType } from "../../xds/type-urls.ts";
import type { ResourceHandler } from "../xdsclient/resource-update.ts";
import type { AdsConnection } from "./ads-connection.ts";
import type { AdsSettings, FileSettings } from "./bootstrap-settings.ts";
import type { Dial } from "./dial-address.ts";
import { DiscoveryFile, type DiscoveryPath } from "./files/discovery-file.ts";
import type { Initialisation } from "./initialisation.ts";
import type { WarmGate } from "./warm-gate.ts";

/** Types that are asked for by name. */
type NamedType = "endpoint" | "route" | "secret";

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
	/** What is wanted of types that are asked for by name. */
	wanted(type: NamedType): ReadonlySet<string>;
}

/** How long LDS waits for the first clusters. */
const INITIAL_FETCH_MS = 15_000;

/** Where configuration comes from while the proxy runs: one ADS stream, and files. */
export class ConfigSources {
	readonly #deps: ConfigSourcesDeps;
	readonly #files = new Map<string, DiscoveryFile>();
	readonly #routeFiles = new Map<string, DiscoveryFile>();
	#ads: AdsConnection | undefined;

	constructor(deps: ConfigSourcesDeps) {
		this.#deps = deps;
	}

	/** Opens the ADS stream; `dial` says where. Throws ProblemError when there is nothing to dial. */
	async startAds(settings: AdsSettings, dial: Dial | undefined): Promise<void> {
		const at = "dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name";
		if (!dial)
			throw new ProblemError([problem("LTN3526", at, `the cluster "${settings.cluster}" has no endpoint to dial`)]);
		const { logging, registry, initialisation, gate, wanted } = this.#deps;
		const { connectAds } = await import("./ads-connection.ts");
		this.#ads = connectAds({
			...this.#deps,
			api: settings.api,
			dial,
			logger: logging.component("config"),
			connectedState: registry.scope("control_plane.").gauge("connected_state"),
		});
		initialisation.expect(settings);
		if (settings.clusters) this.#ads.subscribe("cluster", "all");
		this.#ads.subscribe("endpoint", wanted("endpoint"));
		this.#ads.subscribe("route", wanted("route"));
		this.#ads.subscribe("secret", wanted("secret"));
		if (settings.listeners) {
			const ask = () => gate.whenWarm(() => this.#ads?.subscribe("listener", "all"));
			if (settings.clusters) initialisation.afterClusters(INITIAL_FETCH_MS, ask);
			else ask();
		}
		this.#ads.start();
	}

	/** Reads clusters and listeners that come from files, clusters first, and watches them. */
	async startFiles({ clusters, listeners }: FileSettings): Promise<void> {
		if (clusters) await this.#open("cluster", clusters).read();
		if (listeners) await this.#open("listener", listeners).read();
	}

	/** The names of a type that are wanted now have changed. */
	want(type: NamedType): void {
		this.#ads?.subscribe(type, this.#deps.wanted(type));
	}

	/** Reads and watches the files that listeners take their routes from, and no others. */
	wantRouteFiles(wanted: readonly DiscoveryPath[]): void {
		const paths = new Set(wanted.map(({ path }) => path));
		for (const [path, file] of this.#routeFiles) {
			if (paths.has(path)) continue;
			file.close();
			this.#routeFiles.delete(path);
		}
		for (const at of wanted) {
			if (this.#routeFiles.has(at.path)) continue;
			const file = new DiscoveryFile("route", at, this.#deps.handler, this.#fileDeps());
			this.#routeFiles.set(at.path, file);
			void file.read();
		}
	}

	/** Resources of one type that only some user wants: read at once, then watched until the returned function is called. */
	watchFile(type: ResourceType, path: DiscoveryPath, handler: ResourceHandler): () => void {
		const file = new DiscoveryFile(type, path, handler, this.#fileDeps());
		void file.read();
		return () => file.close();
	}

	close(): void {
		this.#ads?.close();
		for (const file of [...this.#files.values(), ...this.#routeFiles.values()]) file.close();
	}

	#open(type: ResourceType, path: DiscoveryPath): DiscoveryFile {
		const file = new DiscoveryFile(type, path, this.#deps.handler, this.#fileDeps());
		this.#files.set(type, file);
		return file;
	}

	#fileDeps() {
		return { logger: this.#deps.logging.component("config"), watch: this.#deps.watch };
	}
}
