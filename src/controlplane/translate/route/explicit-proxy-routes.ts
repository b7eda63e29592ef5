import { create } from "@bufbuild/protobuf";
import {
	DirectResponseActionSchema,
	type Route,
	RouteSchema,
	type VirtualHost,
	VirtualHostSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { PASSTHROUGH_CLUSTER } from "../../model/cluster-name.ts";
import type { Service, ServicePort } from "../../model/service.ts";
import { serviceView } from "../../model/service-lookup.ts";
import { DYNAMIC_CLUSTER } from "../cluster/dynamic-forward-cluster.ts";
import { meshVirtualServices } from "./mesh-virtual-services.ts";
import { defaultAction } from "./route-action.ts";
import { routeMatch } from "./route-match.ts";
import { type RouteScope, resolveDestination } from "./translation-scope.ts";
import { serviceNames, withPort } from "./vhost-domains.ts";
import { virtualServiceRoutes } from "./virtual-service-routes.ts";

/** Name of the route configuration of the explicit outbound proxy (port 15007). */
export const HTTP_PROXY_ROUTES = "http_proxy";
export const MAX_DIRECT_RESPONSE_BYTES = 1024 * 1024;

const NO_HOST_BODY =
	"no service in the mesh has this name and port, and hosts outside are not looked up: a ServiceEntry makes one known\n";

/** What a proxy can do about hosts that no service has. */
export interface OutsideAccess {
	/** It looks names up by itself. */
	readonly resolvesNames: boolean;
	/** Domain of the addresses that it reaches as they are; undefined: none. */
	readonly podAddresses: string | undefined;
}

interface Draft {
	readonly name: string;
	readonly port: number;
	readonly own: readonly string[];
	readonly others: readonly string[];
	readonly routes: readonly Route[];
}

/**
 * The routes of a sidecar's explicit outbound proxy: a virtual host for every port of every visible service, one for every
 * other host that a rule names, and the catch-all that the outbound traffic policy asks for. `scope.listenerPort` is ignored: each port is
 * translated as if it had its own listener.
 */
export function explicitProxyRoutes(scope: RouteScope, outside: OutsideAccess): RouteConfiguration {
	const drafts = [...serviceDrafts(scope), ...ruleHostDrafts(scope)];
	return create(RouteConfigurationSchema, {
		name: HTTP_PROXY_ROUTES,
		virtualHosts: [...virtualHosts(drafts), ...outsideHosts(scope, outside)],
		validateClusters: false,
		maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
	});
}

function serviceDrafts(scope: RouteScope): Draft[] {
	const { snapshot, namespace } = scope;
	return serviceView(snapshot, namespace).services.flatMap((service) =>
		service.ports.map((port): Draft => {
			const names = serviceNames(service, namespace, snapshot.mesh.clusterDomain);
			const routes = serviceRoutes(service, port, { ...scope, listenerPort: port.number });
			return { name: `${service.hostname}:${port.number}`, port: port.number, ...names, routes };
		}),
	);
}

/** A rule's routes when one applies, else the service itself. */
function serviceRoutes(service: Service, port: ServicePort, scope: RouteScope): readonly Route[] {
	const vs = meshVirtualServices(scope.snapshot, scope.namespace).forHost(service.hostname);
	const routes = vs ? virtualServiceRoutes(vs, scope) : [];
	if (routes.length > 0) return routes;
	const target = resolveDestination({ host: service.hostname, subset: "", port: port.number }, scope);
	return [
		create(RouteSchema, {
			name: "default",
			match: routeMatch(undefined),
			action: { case: "route", value: defaultAction(target, scope) },
			decorator: { operation: `${service.hostname}:${port.number}/*` },
		}),
	];
}

/** Hosts of rules that are no service: they exist on port 80 (istio-traffic-api.md 1.14). */
function ruleHostDrafts(scope: RouteScope): Draft[] {
	const { exactHosts } = meshVirtualServices(scope.snapshot, scope.namespace);
	const view = serviceView(scope.snapshot, scope.namespace);
	return [...exactHosts].flatMap(([host, vs]) => {
		if (view.find(host)) return [];
		const routes = virtualServiceRoutes(vs, { ...scope, listenerPort: 80 });
		return routes.length === 0 ? [] : [{ name: `${host}:80`, port: 80, own: [host], others: [], routes }];
	});
}

/** Each domain once: hosts first, then short forms, so that a short form never takes another service's host. */
function virtualHosts(drafts: readonly Draft[]): VirtualHost[] {
	const taken = new Set<string>();
	const claim = (names: readonly string[], port: number) =>
		withPort(names, port).filter((domain) => !taken.has(domain) && taken.add(domain));
	const own = drafts.map((d) => claim(d.own, d.port));
	const hosts = drafts.map((draft, i) =>
		create(VirtualHostSchema, {
			name: draft.name,
			domains: [...own[i]!, ...claim(draft.others, draft.port)],
			routes: [...draft.routes],
			includeRequestAttemptCount: true,
		}),
	);
	return hosts.filter((h) => h.domains.length > 0).sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

/** ALLOW_ANY sends unknown hosts to where their name or address leads, as far as the proxy can; else they are refused with 502. */
function outsideHosts(scope: RouteScope, { resolvesNames, podAddresses }: OutsideAccess): VirtualHost[] {
	const allowAny = scope.snapshot.mesh.outboundTrafficPolicy === "ALLOW_ANY";
	if (allowAny && resolvesNames) return [host("allow_any", "*", passOn(DYNAMIC_CLUSTER, scope))];
	const refuse = host("block_all", "*", { case: "directResponse", value: blockAll(allowAny) });
	if (!allowAny || podAddresses === undefined) return [refuse];
	return [host("allow_any", podAddresses, passOn(PASSTHROUGH_CLUSTER, scope)), refuse];
}

function host(name: string, domain: string, action: Route["action"]): VirtualHost {
	return create(VirtualHostSchema, {
		name,
		domains: [domain],
		routes: [create(RouteSchema, { name, match: routeMatch(undefined), action })],
		includeRequestAttemptCount: true,
	});
}

function passOn(cluster: string, scope: RouteScope): Route["action"] {
	return { case: "route", value: defaultAction({ ...NOWHERE, cluster }, scope) };
}

const NOWHERE = { host: "", port: 0, service: undefined, consistentHash: undefined };

function blockAll(allowAny: boolean) {
	const body = allowAny ? { specifier: { case: "inlineString" as const, value: NO_HOST_BODY } } : undefined;
	return create(DirectResponseActionSchema, { status: 502, body });
}
