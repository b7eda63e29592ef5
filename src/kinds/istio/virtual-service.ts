import { defineKind } from "../define-kind.ts";
import { checkVirtualService } from "./check/virtual-service-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { virtualServiceSpec } from "./virtual-service-spec.ts";

/** Routing rules for one or more hosts. */
export const VirtualService = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "VirtualService",
	plural: "virtualservices",
	shortNames: ["vs"],
	categories: NETWORKING_CATEGORIES,
	doc: "Routing rules that say where requests for a host go.",
	spec: virtualServiceSpec,
	columns: [
		{ name: "Gateways", type: "string", jsonPath: ".spec.gateways", description: "Gateways that the rules apply to." },
		{ name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "Hosts that the rules apply to." },
	],
	check: checkVirtualService,
});
