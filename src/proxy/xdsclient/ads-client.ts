import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Gauge } from "../../telemetry/metrics.ts";
import type { ResourceType } from "../../xds/type-urls.ts";
import { RequestQueue } from "./request-queue.ts";
import type { Session, Subscription } from "./session.ts";

/** Opens one bidirectional stream; rejects or ends when the connection does. */
export type OpenStream<Request, Response> = (
	requests: AsyncIterable<Request>,
	signal: AbortSignal,
) => AsyncIterable<Response>;

export interface AdsClientOptions<Request, Response> {
	readonly session: Session<Request, Response>;
	readonly open: OpenStream<Request, Response>;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
	/** `control_plane.connected_state`. */
	readonly connectedState: Gauge;
}

/** Back-off between streams: full jitter below a ceiling that doubles (Envoy's gRPC subscriptions start at 500 ms, too). */
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 10_000;

/** Keeps an ADS stream open for ever: what was accepted stays in force while the control plane is away. */
export class AdsClient<Request, Response> {
	readonly #options: AdsClientOptions<Request, Response>;
	readonly #abort = new AbortController();
	#queue: RequestQueue<Request> | undefined;
	#failures = 0;
	#cancelRetry = () => {};

	constructor(options: AdsClientOptions<Request, Response>) {
		this.#options = options;
	}

	get connected(): boolean {
		return this.#options.connectedState.value === 1;
	}

	start(): void {
		void this.#run();
	}

	/** Changes what is wanted of a type, on the present stream and all later ones. */
	subscribe(type: ResourceType, wanted: Subscription): void {
		const requests = this.#options.session.subscribe(type, wanted);
		this.#queue?.push(requests);
	}

	/** Asks for names at once, though they may have been asked for before. */
	demand(type: ResourceType, names: readonly string[]): void {
		this.#queue?.push(this.#options.session.demand?.(type, names) ?? []);
	}

	close(): void {
		this.#cancelRetry();
		this.#queue?.close();
		this.#abort.abort();
		this.#options.session.close?.();
	}

	async #run(): Promise<void> {
		const { session, open, logger, connectedState, clock, random } = this.#options;
		const queue = new RequestQueue<Request>();
		try {
			queue.push(session.open());
			this.#queue = queue;
			for await (const response of open(queue, this.#abort.signal)) {
				if (connectedState.value !== 1) logger.info({}, "connected to the control plane");
				connectedState.set(1);
				this.#failures = 0;
				queue.push(session.receive(response));
			}
			if (!this.#abort.signal.aborted) logger.info({}, "the control plane closed the stream");
		} catch (error) {
			if (!this.#abort.signal.aborted) logger.warn({ reason: (error as Error).message }, "the ADS stream failed");
		}
		this.#queue = undefined;
		queue.close();
		connectedState.set(0);
		if (this.#abort.signal.aborted) return;
		const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#failures, 10));
		this.#failures++;
		this.#cancelRetry = clock.after(random.unit() * ceiling, () => void this.#run());
	}
}
