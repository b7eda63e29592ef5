import type { FieldPath } from "../../lib/field-path.ts";
import type { VirtualHost } from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { RequestHead } from "../http/message.ts";
import { compileMirrorPolicies } from "./action/mirror-policy.ts";
import { CompileScope, ROOT, type RouteCompileDeps } from "./compile-scope.ts";
import { type CompiledVirtualHost, compileVirtualHost } from "./compile-virtual-host.ts";
import { compileHeaderLevel } from "./headers/header-levels.ts";
import { MatchInput } from "./match/match-input.ts";
import { DomainIndex, stripPort } from "./match/path/domain-index.ts";
import type { RouteContext, RouteMatch, RouteTable } from "./route-match.ts";

export type { RouteCompileDeps } from "./compile-scope.ts";

const DEFAULT_MAX_DIRECT_RESPONSE_BYTES = 4096;
/** Hosts whose look-up is remembered; a client that sends ever new ones costs a look-up each, not memory. */
const HOST_CACHE_SIZE = 1024;

/**
 * Compiles a route configuration. Throws ProblemError with everything that is wrong, paths below `at`. Fields that no room
 * obeys are found elsewhere (`xds/supported.ts` with ROUTER_SUPPORTED).
 */
export function compileRouteConfiguration(
	config: RouteConfiguration,
	deps: RouteCompileDeps,
	at: FieldPath = ROOT,
): RouteTable {
	const scope = new CompileScope(deps, {
		validateClusters: config.validateClusters ?? deps.validatesClusters ?? false,
		maxDirectResponseBytes: config.maxDirectResponseBodySizeBytes ?? DEFAULT_MAX_DIRECT_RESPONSE_BYTES,
	});
	const above = {
		message: config,
		mirrors: compileMirrorPolicies(config.requestMirrorPolicies, at.field("request_mirror_policies"), scope),
		headers: compileHeaderLevel(config, at, scope),
		filterConfigs: scope.filterConfigs(config.typedPerFilterConfig, at),
	};
	const domains = new DomainIndex<CompiledVirtualHost>();
	const names = new Set<string>();
	config.virtualHosts.forEach((host, i) => {
		const hostAt = at.field("virtual_hosts").index(i);
		if (names.has(host.name))
			scope.problems.add("duplicate", hostAt.field("name"), `there are two virtual hosts "${host.name}"`);
		names.add(host.name);
		const compiled = compileVirtualHost(host, above, hostAt, scope);
		addDomains(domains, { host, compiled }, hostAt.field("domains"), scope);
	});
	scope.problems.throwIfAny();
	return new CompiledRouteTable(config, domains);
}

function addDomains(
	domains: DomainIndex<CompiledVirtualHost>,
	{ host, compiled }: { host: VirtualHost; compiled: CompiledVirtualHost },
	at: FieldPath,
	scope: CompileScope,
): void {
	if (host.domains.length === 0) scope.problems.add("missing", at, "the virtual host has no domains");
	host.domains.forEach((domain, i) => {
		if (domain === "") scope.problems.add("invalid", at.index(i), "the domain is empty");
		else if (!domains.add(domain, compiled))
			scope.problems.add(
				"duplicate",
				at.index(i),
				`the domain "${domain}" is in use already`,
				"each domain belongs to one virtual host",
			);
	});
}

class CompiledRouteTable implements RouteTable {
	readonly name: string;
	readonly internalOnlyHeaders: readonly string[];
	readonly #domains: DomainIndex<CompiledVirtualHost>;
	readonly #ignorePort: boolean;
	/** What follows a semicolon in a path is not looked at. */
	readonly #ignoreParameters: boolean;
	/** The header that takes the host's place; empty: the host. */
	readonly #hostHeader: string;
	readonly #hosts = new Map<string, CompiledVirtualHost | undefined>();

	constructor(config: RouteConfiguration, domains: DomainIndex<CompiledVirtualHost>) {
		this.name = config.name;
		this.#domains = domains;
		this.#ignoreParameters = config.ignorePathParametersInPathMatching;
		this.#ignorePort = config.ignorePortInHostMatching;
		this.internalOnlyHeaders = config.internalOnlyHeaders.map((name) => name.toLowerCase());
		this.#hostHeader = config.vhostHeader.toLowerCase();
	}

	match(request: RequestHead, ctx: RouteContext): RouteMatch | undefined {
		return this.#hostOf(this.#authorityOf(request))?.match(new MatchInput(request, ctx, this.#ignoreParameters));
	}

	#authorityOf(request: RequestHead): string {
		return this.#hostHeader === "" ? request.authority : (request.headers.get(this.#hostHeader) ?? "");
	}

	#hostOf(authority: string): CompiledVirtualHost | undefined {
		const known = this.#hosts.get(authority);
		if (known) return known;
		const host = authority.toLowerCase();
		const found = this.#domains.find(this.#ignorePort ? stripPort(host) : host);
		if (this.#hosts.size >= HOST_CACHE_SIZE) this.#hosts.clear();
		this.#hosts.set(authority, found);
		return found;
	}
}
