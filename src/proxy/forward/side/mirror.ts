import type { UpstreamCluster } from "../../cluster/cluster.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { AttemptTrace } from "../../http/info/request-trace.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { ForwardAction, RouteMatch } from "../../router/route-match.ts";
import type { UpstreamChannel } from "../../upstream/upstream-user.ts";
import { Attempt, type AttemptOwner } from "../attempt/attempt.ts";
import type { Downstream } from "../downstream.ts";
import type { ForwardContext } from "../forward-context.ts";
import { RequestBody } from "../request-body.ts";

/** The request that is copied. */
export interface MirroredRequest {
	readonly downstream: Downstream;
	readonly route: RouteMatch;
	/** A copy whose answer takes longer is given up; 0: never. */
	readonly timeoutMs: number;
	/** Bytes that may wait for a copy's connection before the client is held back; 0: any. */
	readonly limitBytes: number;
}

/** Copies of one request to the clusters that the route mirrors to; they take the body as it comes, and what they answer is dropped. */
export class Mirrors {
	readonly #copies: readonly Copy[];

	private constructor(copies: readonly Copy[]) {
		this.#copies = copies;
	}

	/** Prepares the copies of a request as it is now; undefined: none is to be made. */
	static of(mirrored: MirroredRequest, action: ForwardAction, context: ForwardContext): Mirrors | undefined {
		const copies = action.mirrors.flatMap((policy) => {
			const { request, info } = mirrored.downstream;
			if (!policy.sampled(context.random)) return [];
			const name = policy.cluster(request);
			const cluster = name === undefined ? undefined : context.clusters.get(name);
			if (!cluster) return [];
			const head = { ...request, headers: headersOfCopy(request, context) };
			policy.prepare(head, { info, request: head, route: mirrored.route });
			const target = { cluster: cluster.name, sampled: policy.traceSampled };
			return new Copy({ head, cluster, trace: info.trace?.onCopy(head, target) }, mirrored, context);
		});
		return copies.length === 0 ? undefined : new Mirrors(copies);
	}

	start(): void {
		for (const copy of this.#copies) copy.start();
	}

	/** `buf` is valid during the call only. */
	onBody(buf: Buffer, start: number, end: number): void {
		for (const copy of this.#copies) copy.onBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		for (const copy of this.#copies) copy.onEnd(trailers);
	}

	/** The request ends before it has come whole: so do its copies. */
	cancel(): void {
		for (const copy of this.#copies) copy.cancel();
	}
}

/** A copy is a request of this node's own (Envoy: AsyncStreamImpl::sendHeaders). */
function headersOfCopy({ headers }: RequestHead, { localAddress }: ForwardContext): HeaderMap {
	const copy = headers.clone();
	copy.set("x-envoy-internal", "true");
	if (localAddress === undefined) return copy;
	const before = copy.getJoined("x-forwarded-for");
	copy.set("x-forwarded-for", before ? `${before},${localAddress}` : localAddress);
	return copy;
}

interface CopyTarget {
	readonly head: RequestHead;
	readonly cluster: UpstreamCluster;
	readonly trace: AttemptTrace | undefined;
}

class Copy implements AttemptOwner {
	readonly #head: RequestHead;
	readonly #trace: AttemptTrace | undefined;
	readonly #cluster: UpstreamCluster;
	readonly #mirrored: MirroredRequest;
	readonly #context: ForwardContext;
	readonly #body: RequestBody;
	#attempt: Attempt | undefined = undefined;
	#pausing = false;
	#over = false;

	constructor({ head, cluster, trace }: CopyTarget, mirrored: MirroredRequest, context: ForwardContext) {
		this.#head = head;
		this.#trace = trace;
		this.#cluster = cluster;
		this.#mirrored = mirrored;
		this.#context = context;
		this.#body = new RequestBody(mirrored.downstream.requestLength);
	}

	start(): void {
		const cluster = this.#cluster;
		const host = cluster.pick({ hash: undefined, avoid: undefined, hostSelectionAttempts: 1 });
		if (!host) {
			this.#over = true;
			return;
		}
		this.#attempt = new Attempt(this, this.#context, {
			cluster,
			host,
			downstream: this.#head.protocol,
			isRetry: false,
			trace: this.#trace,
		});
		this.#attempt.start();
	}

	onBody(buf: Buffer, start: number, end: number): void {
		if (this.#over) return;
		const channel = this.#attempt?.channel;
		if (channel) {
			this.#body.incomplete = true;
			channel.sendBody(buf, start, end);
			if (channel.congested) this.#pause();
			return;
		}
		this.#body.keep(buf, start, end);
		const { limitBytes } = this.#mirrored;
		if (limitBytes > 0 && this.#body.bytes > limitBytes) this.#pause();
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.#body.ended = true;
		this.#body.trailers = trailers;
		const channel = this.#attempt?.channel;
		if (!this.#over && channel) this.#end(channel);
	}

	cancel(): void {
		if (this.#over || this.#body.ended) return;
		this.#stop();
		this.#attempt?.cancel();
	}

	onAttemptReady(_attempt: Attempt, channel: UpstreamChannel): void {
		channel.sendHead(this.#head, this.#body.length, "");
		this.#body.sendKept(channel);
		if (this.#body.bytes > 0) this.#body.letGo();
		if (this.#body.ended) this.#end(channel);
		else this.#resume();
	}

	onAttemptInformational(): void {
		// Nobody waits for it.
	}

	onAttemptResponse(_attempt: Attempt, { status }: ResponseHead): void {
		this.#cluster.stats.countStatus(status, this.#head.headers.get("x-envoy-internal") === "true");
	}

	onAttemptBody(): void {
		// Dropped.
	}

	onAttemptEnd(): void {
		this.#stop();
	}

	onAttemptFailure(): void {
		this.#stop();
	}

	onAttemptDrain(): void {
		this.#resume();
	}

	mayResend(): boolean {
		return !this.#body.incomplete;
	}

	#end(channel: UpstreamChannel): void {
		channel.sendEnd(this.#body.trailers);
		this.#attempt!.requestSent(this.#mirrored.timeoutMs);
	}

	#stop(): void {
		this.#over = true;
		this.#body.letGo();
		this.#resume();
	}

	#pause(): void {
		if (this.#pausing) return;
		this.#pausing = true;
		this.#mirrored.downstream.pauseRequest();
	}

	#resume(): void {
		if (!this.#pausing) return;
		this.#pausing = false;
		this.#mirrored.downstream.resumeRequest();
	}
}
