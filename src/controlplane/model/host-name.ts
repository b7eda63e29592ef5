/** Host names as Istio's rules write them: short names, FQDNs and wildcards (istio-traffic-api.md 0.2). */

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** True for an IPv4 or IPv6 literal. */
function isIpLiteral(host: string): boolean {
	return IPV4.test(host) || host.includes(":");
}

export function isWildcard(host: string): boolean {
	return host.startsWith("*");
}

/**
 * The FQDN that a rule's host stands for. Only a bare label is expanded: anything with a dot, a wildcard or an address
 * is taken as written, so `reviews.prod` stays and matches nothing in the cluster.
 */
export function resolveHost(host: string, namespace: string, clusterDomain: string): string {
	const lower = host.toLowerCase();
	if (lower === "" || lower.startsWith("*") || lower.includes(".") || isIpLiteral(lower)) return lower;
	const scope = namespace === "" ? "" : `.${namespace}`;
	return `${lower}${scope}.svc.${clusterDomain}`;
}

/** True when every name that `host` stands for is also covered by `pattern`. */
export function hostCovers(pattern: string, host: string): boolean {
	if (!isWildcard(pattern)) return pattern === host;
	const suffix = pattern.slice(1);
	const rest = isWildcard(host) ? host.slice(1) : host;
	return rest.endsWith(suffix);
}

/** True when some name is covered by both. */
export function hostsOverlap(a: string, b: string): boolean {
	return hostCovers(a, b) || hostCovers(b, a);
}

/** The more specific of two overlapping hosts, undefined when they share no name. */
export function intersectHosts(a: string, b: string): string | undefined {
	if (hostCovers(a, b)) return b;
	return hostCovers(b, a) ? a : undefined;
}

/** Sort order: exact before wildcard, longer before shorter, then alphabetical. */
export function compareSpecificity(a: string, b: string): number {
	const byKind = Number(isWildcard(a)) - Number(isWildcard(b));
	if (byKind !== 0) return byKind;
	if (a.length !== b.length) return b.length - a.length;
	return a < b ? -1 : Number(a > b);
}
