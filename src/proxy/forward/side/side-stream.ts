import type { Random } from "../../../lib/random.ts";
import { CHUNKED } from "../../codec/message-parser.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { SideStream, SideStreams, SideStreamTarget } from "../../http/side-calls.ts";
import type { UpstreamChannel } from "../../upstream/upstream-user.ts";
import { Attempt, type AttemptOwner } from "../attempt/attempt.ts";
import type { SideCallContext } from "./side-call.ts";

/** What may wait for a connection. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** What side streams need of the worker. */
export interface SideStreamContext extends SideCallContext {
	readonly random: Random;
}

/** Streams to clusters on the proxy's own behalf: what is sent goes out at once, what comes back is not read. */
export function createSideStreams(context: SideStreamContext): SideStreams {
	return {
		open(target, onClosed) {
			const stream = new OpenStream(context, target, onClosed);
			return stream.start() ? stream : undefined;
		},
	};
}

class OpenStream implements SideStream, AttemptOwner, TimerOwner {
	readonly #context: SideStreamContext;
	readonly #target: SideStreamTarget;
	#onClosed: (() => void) | undefined;
	readonly #pause = new Timer(this);
	#attempt: Attempt | undefined = undefined;
	#attempts = 0;
	#channel: UpstreamChannel | undefined = undefined;
	#waiting: Uint8Array[] = [];
	#waitingBytes = 0;

	constructor(context: SideStreamContext, target: SideStreamTarget, onClosed: () => void) {
		this.#context = context;
		this.#target = target;
		this.#onClosed = onClosed;
	}

	get congested(): boolean {
		return this.#channel?.congested ?? this.#waitingBytes > MAX_WAITING_BYTES;
	}

	/** False: there is nobody to talk to. */
	start(): boolean {
		const cluster = this.#context.clusters.get(this.#target.cluster);
		const host = cluster?.pick({ hash: undefined, avoid: undefined, hostSelectionAttempts: 1 });
		if (!cluster || !host) return false;
		this.#attempts++;
		this.#attempt = new Attempt(this, this.#context, { cluster, host, downstream: "HTTP/2", isRetry: false });
		this.#attempt.start();
		return true;
	}

	send(bytes: Uint8Array): void {
		if (this.#channel) write(this.#channel, bytes);
		else {
			this.#waiting.push(bytes);
			this.#waitingBytes += bytes.length;
		}
	}

	cancel(): void {
		this.#onClosed = undefined;
		this.#pause.cancel();
		this.#attempt?.cancel();
	}

	onTimer(): void {
		if (this.#onClosed && !this.start()) this.#closed();
	}

	onAttemptReady(_attempt: Attempt, channel: UpstreamChannel): void {
		this.#channel = channel;
		channel.sendHead(this.#requestHead(), CHUNKED, "");
		for (const bytes of this.#waiting) write(channel, bytes);
		this.#waiting = [];
		this.#waitingBytes = 0;
	}

	onAttemptInformational(): void {
		// Nothing is expected back.
	}

	onAttemptResponse(attempt: Attempt, head: ResponseHead): void {
		attempt.cluster.stats.countStatus(head.status, true);
	}

	onAttemptBody(): void {
		// Nothing is expected back.
	}

	onAttemptEnd(): void {
		this.#closed();
	}

	onAttemptFailure(): void {
		const { retries } = this.#target;
		if (!this.#channel && retries && this.#attempts <= retries.max) {
			const limitMs = Math.min(retries.baseMs * 2 ** (this.#attempts - 1), retries.maxMs);
			const { deadlines, random } = this.#context;
			deadlines.arm(this.#pause, 1 + random.below(Math.max(1, Math.ceil(limitMs))));
			return;
		}
		// Breakers refuse while `open` has not returned yet.
		queueMicrotask(() => this.#closed());
	}

	onAttemptDrain(): void {
		// Whoever sends asks `congested` before.
	}

	/** What was sent over a connection that had died goes out again: it is all still here only before the first is ready. */
	mayResend(): boolean {
		return false;
	}

	#requestHead(): RequestHead {
		const { path, authority } = this.#target;
		const headers = this.#target.headers.clone();
		headers.set("x-envoy-internal", "true");
		headers.append("x-forwarded-for", this.#context.localAddress);
		return { method: "POST", path, authority, scheme: "http", protocol: "HTTP/2", headers };
	}

	#closed(): void {
		const tell = this.#onClosed;
		this.#onClosed = undefined;
		tell?.();
	}
}

function write(channel: UpstreamChannel, bytes: Uint8Array): void {
	const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	channel.sendBody(piece, 0, piece.length);
}
