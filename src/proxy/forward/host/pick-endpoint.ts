import type { ClusterInfo, Host, PickContext, UpstreamCluster } from "../../cluster/cluster.ts";
import { dynamicHost } from "../../http/info/dynamic-host.ts";
import { originalDestination } from "../../http/info/original-destination.ts";
import type { RequestHead } from "../../http/message.ts";
import { rewriteHost } from "../../router/action/rewrite.ts";
import { firstRequestHeader } from "../../router/match/request-header.ts";
import type { Retries } from "../attempt/retries.ts";
import type { Downstream } from "../downstream.ts";
import { overridingHost } from "./host-override.ts";
import { metadataAt, nextNamedHost, tellSelected } from "./override-hosts.ts";

const PLAIN_PICK: PickContext = { hash: undefined, avoid: undefined, hostSelectionAttempts: 1 };

/** What the choice of an endpoint goes by besides the request. */
export interface PickWishes {
	/** From the route's hash policies. */
	readonly hash: bigint | undefined;
	readonly retries: Retries | undefined;
	/** The first attempt: only that one goes where a filter wants it to. */
	readonly first: boolean;
}

/** The endpoint that a filter asks for, at the first attempt; the balancer's choice otherwise. */
export function pickEndpoint(cluster: UpstreamCluster, downstream: Downstream, wishes: PickWishes): Host | undefined {
	const override = wishes.first ? downstream.hostOverride : undefined;
	const host = override && overridingHost(cluster, override);
	if (host || override?.strict) return host;
	const { overrideHost } = cluster.info;
	if (!overrideHost) return cluster.pick(pickContext(cluster, downstream, wishes));
	const named = nextNamedHost(cluster, downstream, overrideHost);
	const chosen = named ?? cluster.pick(pickContext(cluster, downstream, wishes));
	if (chosen && overrideHost.selectedKey) tellSelected(chosen, downstream.info, overrideHost.selectedKey);
	return chosen;
}

function pickContext({ info }: UpstreamCluster, downstream: Downstream, { hash, retries }: PickWishes): PickContext {
	const metadataMatch = downstream.choice?.metadataMatch;
	const avoidsNothing = !retries?.avoidsAny;
	const anyHost = !info.toOriginalDestination && !info.forwardProxy && metadataMatch === undefined;
	if (hash === undefined && avoidsNothing && anyHost) return PLAIN_PICK;
	const destination = destinationOf(info, downstream);
	return { ...PLAIN_PICK, hash, ...retries?.avoids(), destination, metadataMatch };
}

/** Where the request itself says that it goes, in clusters that ask. */
function destinationOf(cluster: ClusterInfo, { request, info }: Downstream): string | undefined {
	if (cluster.forwardProxy) return dynamicHost(info.filterState) ?? request.authority;
	if (!cluster.toOriginalDestination) return undefined;
	// Header, metadata, then the client's connection (Envoy: OriginalDstCluster).
	const { destinationHeader, destinationMetadata } = cluster;
	const named = destinationHeader && firstRequestHeader(request, destinationHeader);
	if (named) return named;
	const told = destinationMetadata && metadataAt(info, destinationMetadata);
	return typeof told === "string" && told !== "" ? told : originalDestination(info.connection);
}

/** The host becomes the endpoint's name, where it has one; the client's own host is kept once. */
export function nameHost(request: RequestHead, { hostname }: Host, isRetry: boolean, appendForwarded: boolean): void {
	if (!hostname) return;
	if (isRetry) request.authority = hostname;
	else rewriteHost(request, hostname, appendForwarded);
}
