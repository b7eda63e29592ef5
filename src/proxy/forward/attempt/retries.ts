import type { Host, PickContext, UpstreamCluster } from "../../cluster/cluster.ts";
import type { UpstreamRequestStats } from "../../cluster/cluster-stat-set.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import { CLIENT_ONLY_POLICY, dropRetryFields } from "../../router/action/retry-rules.ts";
import type { AttemptFailure, RetryPolicy } from "../../router/retry.ts";
import type { ForwardContext } from "../forward-context.ts";

/** Who counts the retries of one request. */
export interface RetryBooks {
	readonly cluster: UpstreamCluster;
	readonly routeStats: UpstreamRequestStats | undefined;
	readonly info: StreamInfo;
	readonly context: ForwardContext;
}

/** The policy for one request: the route's and what a client that may do so asks for; takes the client's fields off. */
export function retryPolicyFor(request: RequestHead, routePolicy: RetryPolicy | undefined): RetryPolicy | undefined {
	const { headers } = request;
	if (!hasSteering(headers)) return routePolicy?.retriesRequest(request) ? routePolicy : undefined;
	const asks = headers.has("x-envoy-retry-on") || headers.has("x-envoy-retry-grpc-on");
	const base = routePolicy ?? (asks ? CLIENT_ONLY_POLICY : undefined);
	const policy = base?.retriesRequest(request) ? base.withClient(headers) : undefined;
	dropRetryFields(headers);
	return policy;
}

/** Decides whether and when a request is sent again, and which endpoints to avoid then. */
export class Retries {
	readonly policy: RetryPolicy;
	readonly #books: RetryBooks;
	#tried: Set<Host> | undefined = undefined;
	/** Levels of the endpoints tried so far, in order, when the policy looks at them. */
	#triedPriorities: number[] | undefined = undefined;
	#avoidPriorities: ReadonlySet<number> | undefined = undefined;
	/** The wait that the last response asked for. */
	#askedMs: number | undefined = undefined;

	constructor(policy: RetryPolicy, books: RetryBooks) {
		this.policy = policy;
		this.#books = books;
	}

	/** Some endpoint is to be avoided. */
	get avoidsAny(): boolean {
		return this.#tried !== undefined || this.#avoidPriorities !== undefined;
	}

	avoids(): Pick<PickContext, "avoid" | "hostSelectionAttempts" | "avoidPriorities"> {
		const { hostSelectionAttempts } = this.policy;
		return { avoid: this.#tried, hostSelectionAttempts, avoidPriorities: this.#avoidPriorities };
	}

	noteHost(host: Host): void {
		const { avoidPreviousHosts, avoidPrioritiesEvery: every } = this.policy;
		if (avoidPreviousHosts) {
			this.#tried ??= new Set();
			this.#tried.add(host);
		}
		if (every === 0) return;
		this.#triedPriorities ??= [];
		this.#triedPriorities.push(host.priority);
		if (this.#triedPriorities.length % every === 0) this.#avoidPriorities = new Set(this.#triedPriorities);
	}

	/** After attempt number `attempts`; true takes a place among the cluster's retries. `resendable`: all of the request is at hand. */
	afterResponse(head: ResponseHead, attempts: number, resendable: boolean): boolean {
		if (!this.policy.retriesResponse(head) || !this.#take(attempts, resendable)) return false;
		this.#books.cluster.stats.countRetriedStatus(head.status);
		this.#askedMs = this.policy.askedWaitMs(head, this.#books.context.clock.epochMs());
		return true;
	}

	afterFailure(kind: AttemptFailure, attempts: number, resendable: boolean): boolean {
		return this.policy.retriesFailure(kind) && this.#take(attempts, resendable);
	}

	/** Of a try that goes on: whatever the policy's conditions are. */
	afterSlowness(attempts: number, resendable: boolean): boolean {
		return this.#take(attempts, resendable);
	}

	/** The pause before the retry that follows attempt number `attempts`. */
	pauseMs(attempts: number): number {
		const { cluster, context } = this.#books;
		const asked = this.#askedMs;
		this.#askedMs = undefined;
		const unit = context.random.unit();
		if (asked !== undefined) {
			cluster.stats.upstreamRqRetryBackoffRatelimited.inc();
			// Not before the time that was asked for, and not all at once then.
			return asked * (1 + unit / 2);
		}
		cluster.stats.upstreamRqRetryBackoffExponential.inc();
		return this.policy.backoffMs(attempts, unit);
	}

	#take(attempts: number, resendable: boolean): boolean {
		const { cluster, routeStats, info } = this.#books;
		const { stats, breakers } = cluster;
		if (attempts > this.policy.maxRetries) {
			stats.upstreamRqRetryLimitExceeded.inc();
			routeStats?.upstreamRqRetryLimitExceeded.inc();
			info.responseFlags.add("URX");
			return false;
		}
		if (!resendable) return false;
		if (!breakers.tryRetry()) {
			stats.upstreamRqRetryOverflow.inc();
			routeStats?.upstreamRqRetryOverflow.inc();
			info.responseFlags.add("UO");
			return false;
		}
		stats.upstreamRqRetry.inc();
		routeStats?.upstreamRqRetry.inc();
		return true;
	}
}

const X = 120;
const E = 101;

const MAX_RETRIES = "x-envoy-max-retries";

/** Has the request a field that may be one of those that steer? Most have none. */
function hasSteering({ names }: HeaderMap): boolean {
	for (const name of names)
		if (name.charCodeAt(0) === X && name.charCodeAt(2) === E && (name.startsWith("x-envoy-r") || name === MAX_RETRIES))
			return true;
	return false;
}
