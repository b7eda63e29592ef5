import type { IstioMetadata } from "./config-dump.ts";

/** The object that a resource came from, `name.namespace`, out of Istio's metadata path; empty when there is none. */
export function formatConfigRef(metadata: IstioMetadata | undefined): string {
	const path = metadata?.filterMetadata?.istio?.config;
	const found = path && /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path);
	return found ? `${found[2]}.${found[1]}` : "";
}
