import { defineKind } from "../define-kind.ts";
import { checkGateway } from "./check/gateway-check.ts";
import { gatewaySpec } from "./gateway-spec.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";

/** Ports of the mesh's edge. */
export const Gateway = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "Gateway",
	plural: "gateways",
	shortNames: ["gw"],
	categories: NETWORKING_CATEGORIES,
	doc: "Ports, protocols and TLS of gateway proxies at the edge of the mesh.",
	spec: gatewaySpec,
	check: checkGateway,
});
