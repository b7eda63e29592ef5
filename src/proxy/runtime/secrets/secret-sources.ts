import type { Clock } from "../../../lib/clock.ts";
import type { Problem } from "../../../lib/problem.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logging } from "../../../telemetry/logger.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type Secret,
	SecretSchema,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { findUnsupported, type SupportedFields } from "../../../xds/supported.ts";
import type { SecretSource } from "../../tls/secret/secret-reference.ts";
import { type SecretFetcher, sourceKey } from "../../tls/secret/secret-store.ts";
import type { TlsDeps } from "../../tls/tls-deps.ts";
import type {
	IncomingResource,
	ResourceHandler,
	ResourceUpdate,
	UpdateResult,
} from "../../xdsclient/resource-update.ts";
import type { DiscoveryPath } from "../files/discovery-file.ts";
import { type Dial, dialOfChannel } from "../services/dial-address.ts";
import type { SecretStream } from "./secret-stream.ts";

export interface SecretSourcesDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly logging: Logging;
	readonly metrics: Pick<Metrics, "scope">;
	readonly tls: TlsDeps;
	readonly supported: SupportedFields;
	readonly node: Node;
	/** How to reach the server of a cluster of the bootstrap; undefined: it has none. */
	dial(cluster: string): Dial | undefined;
	/** Reads secrets from a file until the answer is called. */
	watchFile(path: DiscoveryPath, handler: ResourceHandler): () => void;
	/** `adsNames` has changed. */
	onAdsNames(): void;
}

interface Server {
	readonly names: Set<string>;
	stream: SecretStream | undefined;
}

/** Brings secrets from where their references say: ADS, SDS servers (one stream each), files. */
export class SecretSources implements SecretFetcher {
	readonly #deps: SecretSourcesDeps;
	readonly #adsNames = new Set<string>();
	readonly #servers = new Map<string, Server>();
	#closed = false;

	/** Becomes the fetcher of the secret store. */
	constructor(deps: SecretSourcesDeps) {
		this.#deps = deps;
		deps.tls.secrets.setFetcher(this);
	}

	/** Names that ADS is to give. */
	get adsNames(): ReadonlySet<string> {
		return new Set(this.#adsNames);
	}

	fetch(source: SecretSource, name: string): () => void {
		if (source.kind === "ads") return this.#fetchByAds(name);
		if (source.kind === "grpc") return this.#fetchByGrpc(source, name);
		if (source.kind === "file") {
			const { path, watchedDirectory } = source;
			return this.#deps.watchFile({ path, watchedFolder: watchedDirectory }, this.#handler(source));
		}
		return () => {};
	}

	/** Checks a secret and puts it into force; answers with what is wrong. */
	offer(source: SecretSource, secret: Secret, version: string): Problem[] {
		const { supported, tls } = this.#deps;
		const store = tls.secrets;
		const unsupported = findUnsupported(SecretSchema, secret, supported, secret.name);
		return unsupported.length > 0 ? store.refuse(source, secret, unsupported) : store.offer(source, secret, version);
	}

	close(): void {
		this.#closed = true;
		for (const { stream } of this.#servers.values()) stream?.close();
		this.#servers.clear();
	}

	#fetchByAds(name: string): () => void {
		this.#adsNames.add(name);
		this.#deps.onAdsNames();
		return () => {
			this.#adsNames.delete(name);
			if (!this.#closed) this.#deps.onAdsNames();
		};
	}

	#fetchByGrpc(source: SecretSource & { kind: "grpc" }, name: string): () => void {
		const key = sourceKey(source);
		let server = this.#servers.get(key);
		if (!server) {
			server = { names: new Set(), stream: undefined };
			this.#servers.set(key, server);
			void this.#connect(server, source);
		}
		const own = server;
		own.names.add(name);
		own.stream?.want(new Set(own.names));
		return () => {
			own.names.delete(name);
			if (own.names.size > 0) own.stream?.want(new Set(own.names));
			else {
				own.stream?.close();
				if (this.#servers.get(key) === own) this.#servers.delete(key);
			}
		};
	}

	/** gRPC is loaded only when a secret is to come by it. */
	async #connect(server: Server, source: SecretSource & { kind: "grpc" }): Promise<void> {
		const { logger } = this.#deps.tls;
		const { target } = source;
		const dial = target.kind === "uri" ? dialOfChannel(target) : this.#deps.dial(target.cluster);
		if (!dial) {
			logger.warn({ server: sourceKey(source) }, "the server of secrets has no address");
			return;
		}
		const { openSecretStream } = await import("./secret-stream.ts");
		if (this.#closed || server.names.size === 0) return;
		const handler = this.#handler(source);
		const connectedState = this.#deps.metrics.scope("sds.").gauge("connected_state");
		server.stream = openSecretStream({ ...this.#deps, logger, api: source.api, dial, handler, connectedState });
		server.stream.want(new Set(server.names));
	}

	#handler(source: SecretSource): ResourceHandler {
		return { apply: (update) => this.#apply(source, update) };
	}

	#apply(source: SecretSource, update: ResourceUpdate): UpdateResult {
		const rejected = new Set<string>();
		const problems = update.added.flatMap((resource: IncomingResource) => {
			const found = this.offer(source, resource.message as Secret, resource.version);
			if (found.length > 0) rejected.add(resource.name);
			return found;
		});
		return { problems, rejected };
	}
}
