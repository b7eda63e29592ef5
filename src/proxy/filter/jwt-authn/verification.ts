import type { Counter } from "../../../telemetry/metrics.ts";
import type { RequestHead } from "../../http/message.ts";
import type { JsonStruct } from "./jwt.ts";
import type { Provider } from "./provider.ts";

/** What all requests of one filter share. */
export interface VerificationShared {
	/** The first provider of each issuer; the one without an issuer takes the tokens of all others. */
	readonly byIssuer: ReadonlyMap<string, Provider>;
	/** The provider when there is just one. */
	readonly only: Provider | undefined;
	/** Epoch milliseconds. */
	nowMs(): number;
	readonly cacheHit: Counter;
	readonly cacheMiss: Counter;
}

/** The check of one request: what it is about, what was found out, how to stop it. */
export class Verification {
	readonly shared: VerificationShared;
	readonly request: RequestHead;
	/** For dynamic metadata, by key. */
	readonly extracted: Record<string, JsonStruct> = {};
	clearsRoute = false;
	/** Stops waiting for keys. */
	stopWaiting: (() => void) | undefined = undefined;

	constructor(shared: VerificationShared, request: RequestHead) {
		this.shared = shared;
		this.request = request;
	}
}
