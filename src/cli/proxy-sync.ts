/** One proxy as the control plane's `/debug/syncz` tells of it. */
export interface ProxySync {
	/** `<pod>.<namespace>`. */
	readonly proxy: string;
	readonly cluster: string;
	readonly version: string;
	readonly istiod: string;
	readonly connectedAt: string;
	readonly types: readonly TypeSync[];
}

export interface TypeSync {
	/** CDS, LDS, EDS, RDS. */
	readonly type: string;
	readonly state: "SYNCED" | "STALE" | "NOT SENT" | "ERROR";
	/** When it came into this state (RFC 3339); absent for NOT SENT. */
	readonly since?: string;
	/** What the proxy said of a configuration that it refused. */
	readonly error?: string;
}
