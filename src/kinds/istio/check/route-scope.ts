/** What the rules of one VirtualService need to know of it. */
export interface RouteScope {
	readonly hosts: readonly string[];
	/** The rules also apply to sidecars. */
	readonly atMesh: boolean;
	readonly isDelegate: boolean;
	readonly strict: boolean;
}
