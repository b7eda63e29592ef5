import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { EnvoyFilterSpec } from "../envoy-filter-spec.ts";
import type { ProxyConfigSpec } from "../proxy-config-spec.ts";
import { checkCounts, checkRegex, checkSelector } from "./primitives.ts";
import { Report } from "./report.ts";

type Patch = NonNullable<EnvoyFilterSpec["configPatches"]>[number];

const LISTENER = "listener";
const ROUTE = "routeConfiguration";

/** Which object match fits which part. */
const MATCH_OF: Readonly<Record<string, string>> = {
	LISTENER,
	LISTENER_FILTER: LISTENER,
	FILTER_CHAIN: LISTENER,
	NETWORK_FILTER: LISTENER,
	HTTP_FILTER: LISTENER,
	ROUTE_CONFIGURATION: ROUTE,
	VIRTUAL_HOST: ROUTE,
	HTTP_ROUTE: ROUTE,
	CLUSTER: "cluster",
};

/** Istio's semantic rules for EnvoyFilters (validation reference 9.7), as far as they need no Envoy messages. */
export function checkEnvoyFilter(spec: EnvoyFilterSpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	report.warn("LTN1801", path, "EnvoyFilter reaches into generated configuration, which may change with every release");
	if (spec.workloadSelector) checkSelector(spec.workloadSelector.labels, path.field("workloadSelector"), report);
	for (const [i, patch] of (spec.configPatches ?? []).entries())
		checkPatch(patch, path.field("configPatches").index(i), report);
	return report;
}

function checkPatch({ applyTo = "INVALID", match, patch }: Patch, path: FieldPath, report: Report): void {
	if (applyTo === "INVALID") report.error("LTN1802", path.field("applyTo"), "applyTo is missing");
	const operation = patch?.operation ?? "INVALID";
	if (operation === "INVALID")
		report.error("LTN1802", path.field("patch").field("operation"), "the patch has no operation");
	else if (operation !== "REMOVE" && !patch?.value)
		report.error("LTN1802", path.field("patch").field("value"), `${operation} needs a value`);
	if (match?.proxy?.proxyVersion)
		checkRegex(match.proxy.proxyVersion, path.field("match").field("proxy").field("proxyVersion"), report);
	const wanted = MATCH_OF[applyTo];
	for (const given of [LISTENER, ROUTE, "cluster"] as const)
		if (match?.[given] && wanted !== undefined && wanted !== given)
			report.error(
				"LTN1803",
				path.field("match").field(given),
				`${applyTo} cannot be matched by ${given}`,
				`use match.${wanted}`,
			);
	checkFilterMatch({ applyTo, match }, path.field("match").field(LISTENER), report);
}

function checkFilterMatch({ applyTo, match }: Pick<Patch, "applyTo" | "match">, path: FieldPath, report: Report): void {
	const filter = match?.listener?.filterChain?.filter;
	if (!filter) return;
	const at = path.field("filterChain").field("filter");
	if (applyTo === "LISTENER" || applyTo === "FILTER_CHAIN")
		report.warn("LTN1803", at, `a filter match has no effect on ${applyTo}`);
	if (!filter.name) report.error("LTN1803", at.field("name"), "the filter match has no name");
	if (!filter.subFilter) return;
	if (applyTo !== "HTTP_FILTER") report.error("LTN1803", at.field("subFilter"), "subFilter is for applyTo HTTP_FILTER");
	if (!filter.subFilter.name)
		report.error("LTN1803", at.field("subFilter").field("name"), "the filter match has no name");
	if (filter.name && filter.name !== "envoy.filters.network.http_connection_manager")
		report.error(
			"LTN1803",
			at.field("subFilter"),
			`${filter.name} has no filters inside`,
			"name envoy.filters.network.http_connection_manager",
		);
}

/** Istio's semantic rules for ProxyConfigs (validation reference 9.7). */
export function checkProxyConfig(spec: ProxyConfigSpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	if (spec.selector) checkSelector(spec.selector.matchLabels, path.field("selector"), report);
	checkCounts(spec, ["concurrency"], path, report);
	return report;
}
