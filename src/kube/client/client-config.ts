import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Log } from "./log.ts";

/** Where an API server is and how to prove who we are; what `loadKubeconfig` reads and `startApiServer` hands out. */
export interface ClientConfig {
	/** Base URL (`https://127.0.0.1:6443`); `http://` is accepted for a server behind `kubectl proxy`. */
	readonly server: string;
	/** PEM of the authority that signed the server's certificate; the system's authorities when absent. */
	readonly caPem?: string;
	readonly token?: string;
	/** Read anew when the server answers 401: in-cluster tokens rotate. */
	readonly tokenFile?: string;
	readonly clientCertPem?: string;
	readonly clientKeyPem?: string;
	readonly username?: string;
	readonly password?: string;
	/** Name to expect in the server's certificate when it differs from the URL's host. */
	readonly tlsServerName?: string;
	/** Only a kubeconfig that says `insecure-skip-tls-verify: true` sets this. */
	readonly skipTlsVerify?: boolean;
	/** Namespace of the context, for commands without `-n`. */
	readonly namespace?: string;
	/** Becomes `fieldManager` in managedFields: the part before the slash. */
	readonly userAgent?: string;
	readonly clock?: Clock;
	readonly random?: Random;
	readonly log?: Log;
}
