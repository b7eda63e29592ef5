import type { MetadataPlace, OverrideHostConfig } from "../../cluster/balance/override-host.ts";
import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { firstRequestHeader } from "../../router/match/request-header.ts";
import type { Downstream } from "../downstream.ts";
import { hostAt } from "./host-override.ts";

/** Endpoints that a request names and that were not tried yet; kept over its attempts. */
const left = new WeakMap<Downstream, string[]>();

/** The next endpoint that the request names, if the cluster has it (Envoy: OverrideHostLoadBalancer); its health does not matter. */
export function nextNamedHost(
	cluster: UpstreamCluster,
	downstream: Downstream,
	{ sources }: OverrideHostConfig,
): Host | undefined {
	let names = left.get(downstream);
	if (!names) {
		names = sources.flatMap((source) => namesIn(source, downstream));
		left.set(downstream, names);
	}
	for (let name = names.shift(); name !== undefined; name = names.shift()) {
		const host = hostAt(cluster, name);
		if (host) return host;
	}
	return undefined;
}

/** Tells in dynamic metadata which endpoint it was. */
export function tellSelected(host: Host, { dynamicMetadata }: StreamInfo, { namespace, keys }: MetadataPlace): void {
	const last = keys.at(-1);
	if (last === undefined) return;
	const value = keys.slice(0, -1).reduceRight<Record<string, unknown>>((inner, key) => ({ [key]: inner }), {
		[last]: host.address,
	});
	dynamicMetadata.set(namespace, { ...dynamicMetadata.get(namespace), ...value });
}

function namesIn(source: string | MetadataPlace, { request, info }: Downstream): string[] {
	const text = typeof source === "string" ? firstRequestHeader(request, source) : metadataAt(info, source);
	if (typeof text !== "string") return [];
	return text
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "");
}

/** The value at a place of dynamic metadata; undefined when there is none. */
export function metadataAt({ dynamicMetadata }: StreamInfo, { namespace, keys }: MetadataPlace): unknown {
	let value: unknown = dynamicMetadata.get(namespace);
	for (const key of keys) {
		if (typeof value !== "object" || value === null) return undefined;
		value = (value as Record<string, unknown>)[key];
	}
	return value;
}
