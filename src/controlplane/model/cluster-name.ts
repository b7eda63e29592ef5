/** The parts of a cluster's name; `inbound|9080||` and `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export interface ClusterName {
	readonly direction: "outbound" | "inbound";
	/** Service port outbound, target port inbound. */
	readonly port: number;
	/** Empty for the whole service. */
	readonly subset: string;
	/** Empty inbound. */
	readonly host: string;
}

/** The cluster without endpoints that every proxy has. */
export const BLACK_HOLE_CLUSTER = "BlackHoleCluster";

/** Where calls to an address go that is no service's. */
export const PASSTHROUGH_CLUSTER = "PassthroughCluster";

export function formatClusterName({ direction, port, subset, host }: ClusterName): string {
	return `${direction}|${port}|${subset}|${host}`;
}

const NAME = /^(outbound|inbound)\|(0|[1-9]\d{0,4})\|([^|]*)\|([^|]*)$/;

/** Undefined when the text is not the name of a service's cluster (specials and foreign names). */
export function parseClusterName(text: string): ClusterName | undefined {
	const found = NAME.exec(text);
	if (!found) return undefined;
	const [, direction, port, subset, host] = found;
	return {
		direction: direction === "inbound" ? "inbound" : "outbound",
		port: Number(port),
		subset: subset!,
		host: host!,
	};
}
