import { isGrpc } from "../http/grpc-status.ts";
import type { RequestHead } from "../http/message.ts";
import type { ForwardAction } from "../router/route-match.ts";
import { requestTimeouts } from "../router/timeout.ts";
import { hedges } from "./attempt/hedge.ts";
import type { ForwardContext } from "./forward-context.ts";

/** A grpc-timeout has eight digits at most. */
const GRPC_MAX_DIGITS = 99_999_999;

/** How long one request and each of its tries may take, and what its endpoint is told of that. Milliseconds; 0: as long as it takes. */
export class TimeTerms {
	readonly timeoutMs: number;
	readonly perTryTimeoutMs: number;
	/** A timeout is answered with 204 instead of 504. */
	readonly altResponse: boolean;
	/** A try that takes too long goes on beside the next one. */
	readonly hedges: boolean;
	readonly #request: RequestHead;
	readonly #action: ForwardAction;
	readonly #router: ForwardContext["router"];

	/** Takes the client's own wishes off the request and tells the endpoint of the first try. */
	constructor(request: RequestHead, tunnels: boolean, action: ForwardAction, router: ForwardContext["router"]) {
		this.#request = request;
		this.#action = action;
		this.#router = router;
		const { timeoutMs, perTryTimeoutMs, altResponse } = requestTimeouts(
			request,
			action,
			router.respectsExpectedTimeout,
		);
		this.altResponse = altResponse;
		// A tunnel lives as long as its ends want it.
		this.timeoutMs = tunnels ? 0 : timeoutMs;
		this.perTryTimeoutMs = tunnels ? 0 : perTryTimeoutMs;
		this.hedges = hedges(request.headers, action);
		this.#tell(perTryTimeoutMs > 0 && !this.hedges ? perTryTimeoutMs : timeoutMs);
	}

	/** The endpoint of another try learns how long it has. */
	tellAgain(leftMs: number): void {
		this.#tell(this.perTryTimeoutMs > 0 && !this.hedges ? Math.min(this.perTryTimeoutMs, leftMs) : leftMs);
	}

	#tell(expectedMs: number): void {
		const { headers } = this.#request;
		const { streamDuration, maxGrpcTimeoutMs } = this.#action;
		if (expectedMs <= 0 || streamDuration) return;
		if (!this.#router.suppressEnvoyHeaders) headers.set("x-envoy-expected-rq-timeout-ms", String(expectedMs));
		if (maxGrpcTimeoutMs !== undefined && isGrpc(headers.get("content-type")))
			headers.set("grpc-timeout", `${Math.min(expectedMs, GRPC_MAX_DIGITS)}m`);
	}
}
