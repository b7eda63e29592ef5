import type { ClusterLookup } from "../../cluster/cluster.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { SideCall, SideCalls, SideOutcome, SideRequest } from "../../http/side-calls.ts";
import type { UpstreamContext } from "../../upstream/host-pool.ts";
import type { UpstreamChannel } from "../../upstream/upstream-user.ts";
import { Attempt, type AttemptOwner } from "../attempt/attempt.ts";
import type { Failure } from "../failure.ts";

/** What side calls need of the worker. */
export interface SideCallContext extends UpstreamContext {
	readonly clusters: ClusterLookup;
	/** IP of this node, told in x-forwarded-for as Envoy's async client does. */
	readonly localAddress: string;
}

/** Calls to clusters on the proxy's own behalf: one attempt each, the whole answer in memory. */
export function createSideCalls(context: SideCallContext): SideCalls {
	return {
		call(request, done) {
			const call = new Call(context, request, done);
			call.start();
			return call;
		},
	};
}

type FailureReason = Extract<SideOutcome, { kind: "failed" }>["reason"];

class Call implements SideCall, AttemptOwner, TimerOwner {
	readonly #context: SideCallContext;
	readonly #request: SideRequest;
	#done: ((outcome: SideOutcome) => void) | undefined;
	readonly #timer = new Timer(this);
	#attempt: Attempt | undefined = undefined;
	#head: ResponseHead | undefined = undefined;
	#pieces: Buffer[] = [];
	#bytes = 0;

	constructor(context: SideCallContext, request: SideRequest, done: (outcome: SideOutcome) => void) {
		this.#context = context;
		this.#request = request;
		this.#done = done;
	}

	start(): void {
		const { clusters, deadlines } = this.#context;
		const cluster = clusters.get(this.#request.cluster);
		const host = cluster?.pick({ hash: undefined, avoid: undefined, hostSelectionAttempts: 1 });
		if (!cluster || !host) {
			const reason = cluster ? "no-healthy-upstream" : "no-cluster";
			queueMicrotask(() => this.#fail(reason, ""));
			return;
		}
		if (this.#request.timeoutMs > 0) deadlines.arm(this.#timer, Math.max(1, Math.ceil(this.#request.timeoutMs)));
		this.#attempt = new Attempt(this, this.#context, { cluster, host, downstream: "HTTP/1.1", isRetry: false });
		this.#attempt.start();
	}

	cancel(): void {
		if (!this.#done) return;
		this.#finish();
		this.#attempt?.cancel();
	}

	onTimer(): void {
		const attempt = this.#attempt!;
		attempt.cluster.stats.upstreamRqTimeout.inc();
		attempt.cluster.stats.countStatus(504, true);
		attempt.host.stats.rqTimeout++;
		attempt.cluster.reportLocalFailure(attempt.host, "timeout");
		attempt.cancel();
		this.#fail("timeout", "");
	}

	onAttemptReady(attempt: Attempt, channel: UpstreamChannel): void {
		const { body } = this.#request;
		channel.sendHead(this.#requestHead(), body.length, "");
		if (body.length > 0) {
			const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
			channel.sendBody(bytes, 0, bytes.length);
		}
		channel.sendEnd(undefined);
		attempt.requestSent(0);
	}

	onAttemptInformational(): void {
		// A side call waits for its final answer only.
	}

	onAttemptResponse(attempt: Attempt, head: ResponseHead): void {
		this.#head = head;
		attempt.cluster.stats.countStatus(head.status, true);
		if ((attempt.channel?.contentLength ?? 0) > this.#request.maxBodyBytes) this.#tooLarge();
	}

	onAttemptBody(_attempt: Attempt, buf: Buffer, start: number, end: number): void {
		if (!this.#done) return;
		this.#bytes += end - start;
		if (this.#bytes > this.#request.maxBodyBytes) this.#tooLarge();
		else this.#pieces.push(Buffer.copyBytesFrom(buf, start, end - start));
	}

	onAttemptEnd(_attempt: Attempt, trailers: HeaderMap | undefined): void {
		const { status, headers } = this.#head!;
		this.#finish()?.({ kind: "answer", status, headers, body: Buffer.concat(this.#pieces), trailers });
	}

	onAttemptFailure(attempt: Attempt, failure: Failure): void {
		// What the answer would have been, had a client asked.
		attempt.cluster.stats.countStatus(503, true);
		const reason = UNAVAILABLE.has(failure.kind) ? "unavailable" : "reset";
		const detail = failure.transport === "" ? failure.kind : `${failure.kind}: ${failure.transport}`;
		// Breakers refuse while `call` has not returned yet.
		queueMicrotask(() => this.#fail(reason, detail));
	}

	onAttemptDrain(): void {
		// The whole body was queued at once: it is small and in memory already.
	}

	mayResend(): boolean {
		return true;
	}

	#requestHead(): RequestHead {
		const { method, path, authority, body, timeoutMs, forwardedFor = true } = this.#request;
		const headers = this.#request.headers.clone();
		// gRPC tells no lengths but those of its messages.
		if (body.length > 0 && !isGrpc(headers.get("content-type"))) headers.set("content-length", String(body.length));
		headers.set("x-envoy-internal", "true");
		if (forwardedFor) headers.append("x-forwarded-for", this.#context.localAddress);
		if (timeoutMs > 0) headers.set("x-envoy-expected-rq-timeout-ms", String(Math.ceil(timeoutMs)));
		return { method, path, authority, scheme: "http", protocol: "HTTP/1.1", headers };
	}

	#tooLarge(): void {
		this.#attempt?.cancel();
		this.#fail("too-large", `more than ${this.#request.maxBodyBytes} bytes`);
	}

	#fail(reason: FailureReason, detail: string): void {
		this.#finish()?.({ kind: "failed", reason, detail });
	}

	#finish(): ((outcome: SideOutcome) => void) | undefined {
		const done = this.#done;
		this.#done = undefined;
		this.#timer.cancel();
		return done;
	}
}

const UNAVAILABLE = new Set<Failure["kind"]>(["connect-failure", "connect-timeout", "overflow"]);
