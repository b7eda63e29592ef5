import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { packAny } from "../../../xds/any.ts";
import { type Bootstrap, BootstrapSchema } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { type Cluster, ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { findUnsupported, mergeSupported } from "../../../xds/supported.ts";
import { compileOverload, type OverloadConfig } from "../../overload/compile-overload.ts";
import type { ResourceStore } from "../../xdsclient/resource-store.ts";
import type { Compilers } from "../config-applier.ts";
import type { StagedListener } from "../listener-stage.ts";
import type { SecuredCluster } from "../services/secured-clusters.ts";
import { type BootstrapSettings, readSettings } from "./bootstrap-settings.ts";
import { SUPPORTED as OWN } from "./bootstrap-supported.ts";

/** A bootstrap, checked whole. */
export interface CompiledBootstrap<L> {
	readonly settings: BootstrapSettings;
	readonly clusters: readonly SecuredCluster[];
	readonly listeners: readonly StagedListener<L>[];
	/** Undefined: load is never shed. */
	readonly overload: OverloadConfig | undefined;
}

/** Compiles everything a bootstrap holds (`onSettings` is told what compiling depends on, before it begins); throws ProblemError with all problems of all of it. */
export function compileBootstrap<L, R>(
	bootstrap: Bootstrap,
	compilers: Compilers<L, R>,
	onSettings?: (settings: BootstrapSettings) => void,
): CompiledBootstrap<L> {
	const problems: Problem[] = findUnsupported(BootstrapSchema, bootstrap, mergeSupported(OWN, compilers.supported));
	const collect = <M, T>(messages: readonly M[], compile: (message: M, path: string) => T, list: string): T[] =>
		messages.flatMap((message, i) => {
			try {
				return [compile(message, `static_resources.${list}[${i}]`)];
			} catch (error) {
				if (!(error instanceof ProblemError)) throw error;
				problems.push(...error.problems);
				return [];
			}
		});
	const settings = readSettings(bootstrap, problems);
	onSettings?.(settings);
	const overload = collect(
		[bootstrap.overloadManager].flatMap((one) => one ?? []),
		(message) => compileOverload(message, "overload_manager"),
		"",
	)[0];
	const fixed = bootstrap.staticResources;
	problems.push(...compilers.secrets(fixed?.secrets ?? [], "static_resources.secrets"));
	problems.push(...doubleClusters(fixed?.clusters ?? []));
	const clusters = collect(fixed?.clusters ?? [], compilers.cluster, "clusters");
	const listeners = collect(fixed?.listeners ?? [], compilers.listener, "listeners");
	if (problems.length > 0) throw new ProblemError(problems);
	return { settings, clusters, listeners, overload };
}

/** Listeners of a bootstrap are read before its clusters are put into service: these are there all the same. */
export function staticClusterNames({ staticResources }: Bootstrap): ReadonlySet<string> {
	return new Set(staticResources?.clusters.map(({ name }) => name));
}

/** A name stands for one cluster. */
function doubleClusters(clusters: readonly Cluster[]): Problem[] {
	const seen = new Set<string>();
	return clusters.flatMap(({ name }, i) => {
		if (!seen.has(name)) {
			seen.add(name);
			return [];
		}
		return [problem("LTN3548", `static_resources.clusters[${i}].name`, `there is a cluster "${name}" already`)];
	});
}

/** Notes the bootstrap's clusters and listeners for the configuration dump. */
export function recordStatic({ staticResources }: Bootstrap, store: ResourceStore, updatedEpochMs: number): void {
	const { clusters = [], listeners = [] } = staticResources ?? {};
	const origin = { version: undefined, updatedEpochMs };
	for (const message of clusters)
		store.accept("cluster", { name: message.name, any: packAny(ClusterSchema, message), ...origin });
	for (const message of listeners)
		store.accept("listener", { name: message.name, any: packAny(ListenerSchema, message), ...origin });
}
