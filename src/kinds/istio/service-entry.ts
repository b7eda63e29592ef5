import { defineKind } from "../define-kind.ts";
import { checkServiceEntry } from "./check/service-entry-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { serviceEntrySpec } from "./service-entry-spec.ts";

/** A service that Kubernetes does not know. */
export const ServiceEntry = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "ServiceEntry",
	plural: "serviceentries",
	shortNames: ["se"],
	categories: NETWORKING_CATEGORIES,
	doc: "Adds a service to the mesh's registry: outside hosts, virtual machines.",
	spec: serviceEntrySpec,
	columns: [
		{ name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "Names of the service." },
		{ name: "Location", type: "string", jsonPath: ".spec.location", description: "Inside or outside the mesh." },
		{ name: "Resolution", type: "string", jsonPath: ".spec.resolution", description: "How endpoints are found." },
	],
	check: checkServiceEntry,
});
