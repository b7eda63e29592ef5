/** One proxy as the control plane's `/debug/syncz` tells of it; times are ISO 8601, empty when it has not happened. */
export interface ProxySync {
	/** `<pod>.<namespace>`. */
	readonly proxy: string;
	readonly clusterId: string;
	readonly version: string;
	readonly connectedAt: string;
	/** By short name: CDS, LDS, EDS, RDS. */
	readonly types: Readonly<Record<string, TypeSync>>;
}

export interface TypeSync {
	readonly status: "SYNCED" | "STALE" | "ERROR" | "NOT SENT";
	readonly sentAt: string;
	readonly ackedAt: string;
	/** What the proxy said of a configuration that it refused. */
	readonly lastNack?: { readonly message: string; readonly at: string };
}

/** When the type came into its state; empty when never. */
export function sinceOf({ status, sentAt, ackedAt, lastNack }: TypeSync): string {
	if (status === "ERROR") return lastNack?.at ?? sentAt;
	return status === "SYNCED" ? ackedAt : sentAt;
}

/** The worst state over the types: what one word for the whole proxy has to say. */
export function worstState(sync: ProxySync | undefined): string {
	if (!sync) return "NOT CONNECTED";
	const states = Object.values(sync.types).map((t) => t.status);
	return (["ERROR", "STALE"] as const).find((s) => states.includes(s)) ?? "SYNCED";
}
