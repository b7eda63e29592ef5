import type {
	Route,
	RouteAction,
	VirtualHost,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";

/** One line per route: what it matches and what it does. Short enough to compare whole virtual hosts in a test. */
export function routeLines(host: VirtualHost | undefined): string[] {
	return (host?.routes ?? []).map((route) => `${matchText(route)} -> ${actionText(route)}`);
}

/** The virtual host that answers for a domain; exact domains only. */
export function hostFor(config: RouteConfiguration, domain: string): VirtualHost | undefined {
	return config.virtualHosts.find((host) => host.domains.includes(domain));
}

function matchText({ match }: Route): string {
	const path = match?.pathSpecifier;
	const text =
		path?.case === "safeRegex" ? `regex ${path.value.regex}` : `${path?.case ?? "?"} ${String(path?.value ?? "")}`;
	const headers = (match?.headers ?? []).map((h) => {
		const how = h.headerMatchSpecifier;
		const pattern = how.case === "stringMatch" ? how.value.matchPattern : undefined;
		const value = pattern?.case === "safeRegex" ? pattern.value.regex : String(pattern?.value ?? "");
		return ` ${h.invertMatch ? "not " : ""}${h.name}${pattern ? ` ${pattern.case} ${value}` : " present"}`;
	});
	const query = (match?.queryParameters ?? []).map((q) => ` ?${q.name}`);
	return [text, ...headers, ...query].join("");
}

function actionText({ action }: Route): string {
	if (action.case === "route") return targetText(action.value);
	if (action.case === "redirect") {
		const { pathRewriteSpecifier: path, hostRedirect, responseCode } = action.value;
		return `redirect ${responseCode} ${hostRedirect}${String(path.value ?? "")}`;
	}
	return action.case === "directResponse" ? `answer ${action.value.status}` : "nothing";
}

function targetText({ clusterSpecifier: target }: RouteAction): string {
	if (target.case === "weightedClusters")
		return target.value.clusters.map((c) => `${c.weight} ${shortCluster(c.name)}`).join(" + ");
	return shortCluster(String(target.value));
}

/** `outbound|9080|v1|reviews.default.svc.cluster.local` → `reviews.default/v1:9080`. */
function shortCluster(name: string): string {
	const [, port, subset, host] = name.split("|");
	if (host === undefined) return name;
	return `${host.replace(".svc.cluster.local", "")}${subset ? `/${subset}` : ""}:${port}`;
}
