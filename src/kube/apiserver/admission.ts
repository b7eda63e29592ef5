import type { KubeObject } from "../../kinds/object.ts";

/** A write on its way into the store. */
export interface AdmissionRequest {
	readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
	readonly group: string;
	readonly version: string;
	readonly plural: string;
	readonly subresource: string;
	readonly namespace: string;
	readonly name: string;
	readonly object: KubeObject | undefined;
	readonly oldObject: KubeObject | undefined;
	readonly dryRun: boolean;
	/** Labels of the namespace, for plugins that select by them. */
	readonly namespaceLabels: Readonly<Record<string, string>>;
}

/** A step of the admission chain; sidecar injection is one. Mutating plugins run first, in the order given. */
export interface AdmissionPlugin {
	readonly name: string;
	/** Returns the changed object, or undefined to leave it as it is. */
	mutate?(request: AdmissionRequest): KubeObject | undefined;
	validate?(request: AdmissionRequest): { readonly denied?: string; readonly warnings?: readonly string[] };
}
