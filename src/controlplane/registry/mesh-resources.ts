import type { ResourceRef } from "../../kube/client/kube-client.ts";
import { RESOURCES } from "../../kube/client/resources.ts";

const networking = (plural: string): ResourceRef => ({
	group: "networking.istio.io",
	version: "v1",
	plural,
	namespaced: true,
});

/** The kinds that the mesh's configuration is made from, by the part of the snapshot that they fill. */
export const MESH_RESOURCES = {
	services: RESOURCES.services,
	endpointSlices: RESOURCES.endpointSlices,
	pods: RESOURCES.pods,
	nodes: RESOURCES.nodes,
	namespaces: RESOURCES.namespaces,
	virtualServices: networking("virtualservices"),
	destinationRules: networking("destinationrules"),
	gateways: networking("gateways"),
	serviceEntries: networking("serviceentries"),
} as const satisfies Record<string, ResourceRef>;

export type MeshResource = keyof typeof MESH_RESOURCES;

/** Where the mesh configuration is kept. */
export const MESH_CONFIG_MAP = "istio";
export const MESH_CONFIG_KEY = "mesh";

/** Kinds whose changes move endpoints only. */
export const ENDPOINT_RESOURCES: ReadonlySet<MeshResource> = new Set(["endpointSlices"]);
