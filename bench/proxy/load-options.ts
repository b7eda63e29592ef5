import type { Certificates } from "./certificates.ts";

/** What load/http1.ts sends. */
export interface Http1Load {
	readonly port: number;
	readonly connections: number;
	readonly seconds: number;
	/** Requests per second in all; undefined: as fast as they are answered. */
	readonly rate?: number | undefined;
	readonly tls?: Certificates | undefined;
	/** A connection for each request. */
	readonly newConnections?: boolean | undefined;
}

/** What a load generator counted; times leave out the first tenth. */
export interface LoadResult {
	readonly requests: number;
	readonly errors: number;
	readonly bytes: number;
	readonly p50Us: number;
	readonly p99Us: number;
}
