import { defineKind } from "../define-kind.ts";
import { checkProxyConfig } from "./check/envoy-filter-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP } from "./networking-group.ts";
import { proxyConfigSpec } from "./proxy-config-spec.ts";

/** Settings of proxies that take effect when they start. */
export const ProxyConfig = defineKind({
	group: NETWORKING_GROUP,
	versions: ["v1beta1"],
	kind: "ProxyConfig",
	plural: "proxyconfigs",
	categories: NETWORKING_CATEGORIES,
	doc: "Settings of proxies, read when a pod is injected.",
	spec: proxyConfigSpec,
	check: checkProxyConfig,
});
