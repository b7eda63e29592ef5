import { create } from "@bufbuild/protobuf";
import {
	type Route,
	type VirtualHost,
	VirtualHost_TlsRequirementType,
	VirtualHostSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { intersectHosts } from "../../model/host-name.ts";
import type { VirtualService } from "../../model/virtual-service.ts";
import { isVisibleTo } from "../../model/visibility.ts";
import { type BoundServer, type GatewayListener, gatewayRouteName } from "../gateway-servers.ts";
import { MAX_DIRECT_RESPONSE_BYTES } from "./explicit-proxy-routes.ts";
import { isCatchAll } from "./route-match.ts";
import type { RouteScope } from "./translation-scope.ts";
import { virtualServiceRoutes } from "./virtual-service-routes.ts";

interface HostDraft {
	readonly name: string;
	readonly routes: Route[];
	readonly sources: Set<string>;
	httpsRedirect: boolean;
}

/**
 * The routes of one gateway listener. VirtualServices of one host are merged in order of age, catch-all routes last; hosts are the
 * intersections of server hosts and rule hosts (istio-traffic-api.md 1.13, 3).
 */
export function gatewayRoutes(listener: GatewayListener, scope: RouteScope): RouteConfiguration {
	const drafts = new Map<string, HostDraft>();
	for (const bound of listener.servers) addServer(drafts, bound, scope);
	const hosts = [...drafts].map(([host, draft]) => virtualHost(host, draft));
	hosts.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
	return create(RouteConfigurationSchema, {
		name: gatewayRouteName(listener),
		virtualHosts: hosts.length > 0 ? hosts : [blackhole(listener.port)],
		validateClusters: false,
		ignorePortInHostMatching: true,
		maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
	});
}

function addServer(drafts: Map<string, HostDraft>, bound: BoundServer, base: RouteScope): void {
	const { gateway, server } = bound;
	const reference = `${gateway.meta.namespace}/${gateway.meta.name}`;
	const scope: RouteScope = { ...base, listenerPort: server.port, gateways: new Set([reference]) };
	for (const vs of scope.snapshot.virtualServices) {
		if (!vs.gateways.includes(reference) || !isVisibleTo(vs.visibility, scope.namespace)) continue;
		const hosts = boundHosts(vs, bound);
		if (hosts.length === 0) continue;
		const routes = virtualServiceRoutes(vs, scope);
		for (const host of hosts) addRoutes(draftOf(drafts, host, server.port), vs, routes);
	}
	if (!server.httpsRedirect) return;
	for (const { host } of server.hosts) draftOf(drafts, host, server.port).httpsRedirect = true;
}

/** The hosts under which a rule appears at a server; the server may restrict the rule's namespace. */
function boundHosts(vs: VirtualService, { server }: BoundServer): readonly string[] {
	const hosts = server.hosts.flatMap(({ namespace, host }) => {
		if (namespace !== "*" && namespace !== vs.meta.namespace) return [];
		return vs.hosts.map((own) => intersectHosts(host, own)).filter((h) => h !== undefined);
	});
	return [...new Set(hosts)];
}

/** One rule that reaches a host through several servers gives its routes once. */
function addRoutes(draft: HostDraft, vs: VirtualService, routes: readonly Route[]): void {
	const source = `${vs.meta.namespace}/${vs.meta.name}`;
	if (draft.sources.has(source)) return;
	draft.sources.add(source);
	draft.routes.push(...routes);
}

function draftOf(drafts: Map<string, HostDraft>, host: string, port: number): HostDraft {
	let draft = drafts.get(host);
	if (!draft) {
		draft = { name: `${host}:${port}`, routes: [], sources: new Set(), httpsRedirect: false };
		drafts.set(host, draft);
	}
	return draft;
}

function virtualHost(host: string, draft: HostDraft): VirtualHost {
	const { false: specific = [], true: catchAll = [] } = Object.groupBy(draft.routes, (r) =>
		isCatchAll(r.match!) ? "true" : "false",
	);
	return create(VirtualHostSchema, {
		name: draft.name,
		domains: [host],
		routes: [...specific, ...catchAll],
		includeRequestAttemptCount: true,
		requireTls: draft.httpsRedirect ? VirtualHost_TlsRequirementType.ALL : VirtualHost_TlsRequirementType.NONE,
	});
}

function blackhole(port: number): VirtualHost {
	return create(VirtualHostSchema, { name: `blackhole:${port}`, domains: ["*"] });
}
