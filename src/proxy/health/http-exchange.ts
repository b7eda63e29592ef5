import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { CodecError } from "../codec/codec-error.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { TransportWishes } from "../tls/upstream/upstream-transport.ts";
import type { HostPool, UpstreamContext } from "../upstream/host-pool.ts";
import { poolFor } from "../upstream/pool-for.ts";
import type { UnavailableReason, UpstreamChannel, UpstreamUser } from "../upstream/upstream-user.ts";
import type { ProbeHost } from "./probe-target.ts";

/** A whole answer; `undefined` when there was none. */
export interface ProbeAnswer {
	readonly head: ResponseHead;
	readonly body: Buffer;
	readonly trailers: HeaderMap | undefined;
}

interface ExchangeTarget {
	readonly host: ProbeHost;
	readonly cluster: UpstreamCluster;
	readonly context: UpstreamContext;
	readonly wishes: TransportWishes;
	/** Bytes of the answer's body that are kept; the rest is dropped. */
	readonly maxBodyBytes: number;
}

/** One request of a health check with its whole answer. */
export class HttpExchange implements UpstreamUser {
	readonly #target: ExchangeTarget;
	readonly #request: RequestHead;
	readonly #body: Buffer;
	#done: ((answer: ProbeAnswer | undefined) => void) | undefined;
	#pool: HostPool | undefined = undefined;
	#channel: UpstreamChannel | undefined = undefined;
	#head: ResponseHead | undefined = undefined;
	#pieces: Buffer[] = [];
	#bytes = 0;

	constructor(
		target: ExchangeTarget,
		request: RequestHead,
		body: Uint8Array,
		done: (answer: ProbeAnswer | undefined) => void,
	) {
		this.#target = target;
		this.#request = request;
		this.#body = Buffer.from(body.buffer, body.byteOffset, body.length);
		this.#done = done;
	}

	start(): void {
		const { host, cluster, context, wishes } = this.#target;
		this.#pool = poolFor({ host, cluster, downstream: "HTTP/1.1", wishes }, context);
		this.#pool.acquire(cluster, this);
	}

	/** Gives up; `done` is not called any more. */
	cancel(): void {
		if (!this.#done) return;
		this.#done = undefined;
		if (this.#channel) this.#channel.close();
		else this.#pool?.cancel(this);
	}

	onReady(channel: UpstreamChannel): void {
		this.#channel = channel;
		channel.sendHead(this.#request, this.#body.length, "");
		if (this.#body.length > 0) channel.sendBody(this.#body, 0, this.#body.length);
		channel.sendEnd(undefined);
	}

	onUnavailable(_reason: UnavailableReason, _detail: string): void {
		this.#finish(undefined);
	}

	onInformational(): void {
		// Only the final answer counts.
	}

	onResponse(head: ResponseHead): void {
		this.#head = head;
	}

	onBody(buf: Buffer, start: number, end: number): void {
		const room = this.#target.maxBodyBytes - this.#bytes;
		if (room <= 0) return;
		const piece = Buffer.from(buf.subarray(start, Math.min(end, start + room)));
		this.#bytes += piece.length;
		this.#pieces.push(piece);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.#finish({ head: this.#head!, body: Buffer.concat(this.#pieces), trailers });
	}

	onReset(_reason: string, _error: CodecError | undefined): void {
		this.#finish(undefined);
	}

	onUpstreamDrain(): void {
		// Bodies of checks are small and sent at once.
	}

	#finish(answer: ProbeAnswer | undefined): void {
		const done = this.#done;
		this.#done = undefined;
		this.#channel = undefined;
		done?.(answer);
	}
}
