import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Clock } from "../../lib/clock.ts";
import { formatProblem, type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { type Cluster, ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { TypedExtensionConfigSchema } from "../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type Listener, ListenerSchema } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { VirtualHostSchema } from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { ScopedRouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/scoped_route_pb.ts";
import type { Secret } from "../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { findUnsupported, type SupportedFields } from "../../xds/supported.ts";
import type { ResourceType } from "../../xds/type-urls.ts";
import type { ClusterSet } from "../cluster/cluster-set.ts";
import { parseLoadAssignment } from "../cluster/compile/endpoint-config.ts";
import type { ResourceStore } from "../xdsclient/resource-store.ts";
import {
	type IncomingResource,
	type ResourceHandler,
	type ResourceUpdate,
	resourceNameOf,
	type UpdateResult,
} from "../xdsclient/resource-update.ts";
import type { DiscoveryStats } from "./discovery/discovery-stats.ts";
import type { FilterBook } from "./discovery/filter-book.ts";
import type { RouteBook } from "./discovery/route-book.ts";
import type { ScopeBook } from "./discovery/scope-book.ts";
import type { ListenerStage, StagedListener } from "./listener-stage.ts";
import type { SecretSources } from "./secrets/secret-sources.ts";
import type { SecuredCluster, SecuredClusters } from "./services/secured-clusters.ts";
import type { WarmGate } from "./warm-gate.ts";

/** How messages become what runs; each throws ProblemError with every problem, paths beginning with `path`. */
export interface Compilers<L, R> {
	readonly supported: SupportedFields;
	cluster(message: Cluster, path: string): SecuredCluster;
	listener(message: Listener, path: string): StagedListener<L>;
	routes(message: RouteConfiguration, path: string): R;
	/** Takes the bootstrap's secrets, before anything that names them is compiled; answers with what is wrong. */
	secrets(messages: readonly Secret[], path: string): Problem[];
}

export interface ConfigApplierDeps<L, R> {
	readonly compilers: Compilers<L, R>;
	readonly clusters: SecuredClusters;
	readonly endpoints: Pick<ClusterSet, "setEndpoints">;
	readonly secrets: Pick<SecretSources, "offer">;
	readonly listeners: ListenerStage<L>;
	readonly routes: Pick<RouteBook<R>, "put" | "remove" | "applyHosts">;
	readonly scopes: Pick<ScopeBook<R>, "apply">;
	readonly filters: Pick<FilterBook, "apply">;
	readonly store: ResourceStore;
	readonly gate: WarmGate;
	readonly clock: Clock;
	readonly stats: DiscoveryStats;
	/** The names of endpoints that clusters want may have changed. */
	onEndpointNames(): void;
	/** A response of this type was worked through; some of its resources may have been refused. */
	onAccepted(type: ResourceType): void;
	/** What a response changed here, without what was refused. */
	onTaken?(update: ResourceUpdate): void;
}

const SCHEMAS: Readonly<Partial<Record<ResourceType, DescMessage>>> = {
	cluster: ClusterSchema,
	endpoint: ClusterLoadAssignmentSchema,
	listener: ListenerSchema,
	route: RouteConfigurationSchema,
	virtualHost: VirtualHostSchema,
	extension: TypedExtensionConfigSchema,
	scopedRoute: ScopedRouteConfigurationSchema,
};

/**
 * A removed cluster serves on for so long: a server that breaks before it makes changes the routes that name it in a response that comes
 * right after. Longer than that it would hide from users that their rule names a subset that is gone.
 */
const CLUSTER_LINGER_MS = 300;

/** Takes what ADS sends: checks, compiles and puts into force, resource by resource; a bad one leaves the last good one. */
export class ConfigApplier<L, R> implements ResourceHandler {
	readonly #deps: ConfigApplierDeps<L, R>;
	readonly #leaving = new Map<string, () => void>();

	constructor(deps: ConfigApplierDeps<L, R>) {
		this.#deps = deps;
	}

	apply(update: ResourceUpdate): UpdateResult {
		const whole = this.#applyWhole(update);
		if (whole) return whole;
		// A listener may take the address of one that goes in the same response (as Envoy).
		const removesFirst = update.type === "listener";
		if (removesFirst) for (const name of update.removed) this.#remove(update.type, name);
		const problems: Problem[] = [];
		const rejected = new Set<string>();
		const [once, again] = splitDuplicates(update);
		problems.push(...again);
		for (const resource of once) {
			const found = this.#take(update.type, resource);
			if (found.length === 0) continue;
			rejected.add(resource.name);
			problems.push(...found);
		}
		if (!removesFirst) for (const name of update.removed) this.#remove(update.type, name);
		this.#deps.onTaken?.({ ...update, added: update.added.filter(({ name }) => !rejected.has(name)) });
		if (update.type === "cluster") this.#deps.onEndpointNames();
		this.#count(update.type, problems.length === 0, update.version);
		// A resource that was refused must not keep the good ones from serving, nor the proxy from being ready.
		this.#deps.onAccepted(update.type);
		return { problems, rejected };
	}

	/** Types that are taken as a whole by who keeps them; undefined: this is another type. */
	#applyWhole(update: ResourceUpdate): UpdateResult | undefined {
		const { type } = update;
		if (type !== "virtualHost" && type !== "scopedRoute" && type !== "extension") return undefined;
		const unsupported = update.added.flatMap(({ name, message }) =>
			findUnsupported(SCHEMAS[type]!, message, this.#deps.compilers.supported, name),
		);
		const result =
			unsupported.length > 0
				? { problems: unsupported, rejected: new Set(update.added.map(({ name }) => name)) }
				: this.#takeWhole(update, type);
		this.#record(update, result);
		const taken = update.added.filter(({ name }) => !result.rejected.has(name));
		if (result.problems.length === 0 || taken.length > 0) this.#deps.onTaken?.({ ...update, added: taken });
		this.#count(type, result.problems.length === 0, update.version);
		return result;
	}

	#takeWhole(update: ResourceUpdate, type: "virtualHost" | "scopedRoute" | "extension"): UpdateResult {
		if (type === "virtualHost") return this.#deps.routes.applyHosts(update);
		return type === "scopedRoute" ? this.#deps.scopes.apply(update) : this.#deps.filters.apply(update);
	}

	/** Keeps what came for the configuration dump. */
	#record({ type, added, removed }: ResourceUpdate, { rejected, problems }: UpdateResult): void {
		const { store, clock } = this.#deps;
		const details = problems.map(formatProblem).join("\n");
		for (const { name, any, version } of added) {
			if (!rejected.has(name)) store.accept(type, { name, any, version, updatedEpochMs: clock.epochMs() });
			else store.refuse(type, { name, any, version, attemptedEpochMs: clock.epochMs(), details });
		}
		if (problems.length === 0) for (const name of removed) store.delete(type, name);
	}

	/** Forgets timers; nothing that runs is touched. */
	stop(): void {
		for (const cancel of this.#leaving.values()) cancel();
	}

	#take(type: ResourceType, resource: IncomingResource): Problem[] {
		const { store, clock } = this.#deps;
		const { name, any, version, message } = resource;
		// Not among the other records: it holds keys.
		if (type === "secret") return this.#deps.secrets.offer({ kind: "ads" }, message as Secret, version);
		const before = store.get(type, name);
		const same = before !== undefined && Buffer.compare(before.any.value, any.value) === 0;
		const problems = same ? [] : this.#putIntoForce(type, name, message);
		if (type === "route") this.#deps.stats.routeAnswered(name, problems.length === 0, !same);
		if (problems.length === 0) store.accept(type, { name, any, version, updatedEpochMs: clock.epochMs() });
		else
			store.refuse(type, {
				name,
				any,
				version,
				attemptedEpochMs: clock.epochMs(),
				details: problems.map(formatProblem).join("\n"),
			});
		return problems;
	}

	#putIntoForce(type: ResourceType, name: string, message: Message): Problem[] {
		const { compilers } = this.#deps;
		try {
			const unsupported = findUnsupported(SCHEMAS[type]!, message, compilers.supported, name);
			if (unsupported.length > 0) return unsupported;
			if (type === "cluster") this.#putCluster(compilers.cluster(message as Cluster, name));
			else if (type === "endpoint") this.#putEndpoints(name, message as ClusterLoadAssignment);
			else if (type === "listener") this.#putListener(compilers.listener(message as Listener, name));
			else this.#deps.routes.put(name, message as RouteConfiguration);
			return [];
		} catch (error) {
			if (error instanceof ProblemError) return [...error.problems];
			throw error;
		}
	}

	#putCluster(config: SecuredCluster): void {
		this.#leaving.get(config.name)?.();
		this.#leaving.delete(config.name);
		this.#deps.clusters.put(config);
	}

	#putEndpoints(name: string, message: ClusterLoadAssignment): void {
		const problems: Problem[] = [];
		const endpoints = parseLoadAssignment(message, name, { problems, names: false });
		if (problems.length > 0) throw new ProblemError(problems);
		this.#deps.endpoints.setEndpoints(name, endpoints);
	}

	#putListener(listener: StagedListener<L>): void {
		this.#deps.gate.whenWarm(() => this.#deps.listeners.put(listener));
	}

	#remove(type: ResourceType, name: string): void {
		const { store, clusters, endpoints, listeners, routes, gate, clock } = this.#deps;
		store.delete(type, name);
		if (type === "endpoint") endpoints.setEndpoints(name, undefined);
		else if (type === "listener") gate.whenWarm(() => listeners.remove(name));
		else if (type === "route") routes.remove(name);
		else if (type === "cluster") {
			const cancel = clock.after(CLUSTER_LINGER_MS, () => {
				this.#leaving.delete(name);
				clusters.remove(name);
				this.#deps.onEndpointNames();
			});
			this.#leaving.set(name, cancel);
		}
	}

	#count(type: ResourceType, good: boolean, version = ""): void {
		if (good && version !== "") this.#deps.store.noteVersion(type, version);
		this.#deps.stats.answered(type, good);
	}
}

/** Of clusters and listeners that come twice in a response the first is taken, and the others told (as in Envoy). */
function splitDuplicates({ type, added }: ResourceUpdate): [once: readonly IncomingResource[], again: Problem[]] {
	if (type !== "cluster" && type !== "listener") return [added, []];
	const names = new Set<string>();
	const again: Problem[] = [];
	const once = added.filter(({ name: called, message }) => {
		const name = resourceNameOf(type, message) || called;
		if (names.has(name)) again.push(problem("LTN3557", name, `the ${type} comes twice in one response`));
		return !names.has(name) && names.add(name);
	});
	return [once, again];
}
