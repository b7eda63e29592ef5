import { MESH_GATEWAY } from "./virtual-service.ts";

/** `mesh` or `namespace/name` for any of the forms in istio-traffic-api.md 0.2. */
export function resolveGateway(reference: string, namespace: string): string {
	if (reference === MESH_GATEWAY) return reference;
	if (reference.includes("/")) {
		const [ns, name] = reference.split("/");
		return `${ns === "." ? namespace : ns}/${name}`;
	}
	const [name, ns] = reference.split(".");
	return ns ? `${ns}/${name}` : `${namespace}/${reference}`;
}
