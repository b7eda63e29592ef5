import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import type { AdsMetrics } from "./ads-metrics.ts";
import { planPush } from "./push-plan.ts";
import { type EncodedResource, encodeResource } from "./resource-encoder.ts";
import type { ResourceSource } from "./resource-source.ts";
import { TypeState, type Update } from "./type-state.ts";

/** The part of a stream that differs between state of the world and delta. */
export interface ResponseWriter {
	readonly protocol: "sotw" | "delta";
	write(update: Update, nonce: string): void;
}

export interface SessionContext {
	readonly source: ResourceSource;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly metrics: AdsMetrics;
}

/** An answer that does not come in this time is not waited for any longer: the push goes on without it. */
const ANSWER_TIMEOUT_MS = 2_000;

/** One connected proxy: its subscriptions, what it was sent, what it answered. Both protocols share it. */
export class StreamSession {
	readonly id: string;
	readonly node: Node;
	readonly connectedAtEpochMs: number;
	readonly types = new Map<string, TypeState>();
	readonly #writer: ResponseWriter;
	readonly #context: SessionContext;
	#nonce = 0;
	readonly #onClose: (() => void)[] = [];
	#closed = false;
	#pushing = false;
	#pending: { readonly sinceMs: number; readonly endpointsOnly: boolean } | undefined;

	constructor(id: string, node: Node, writer: ResponseWriter, context: SessionContext) {
		this.id = id;
		this.node = node;
		this.#writer = writer;
		this.#context = context;
		this.connectedAtEpochMs = context.clock.epochMs();
	}

	get protocol(): "sotw" | "delta" {
		return this.#writer.protocol;
	}

	close(): void {
		this.#closed = true;
		for (const cancel of this.#onClose.splice(0)) cancel();
		for (const state of this.types.values()) state.changed();
	}

	get closed(): boolean {
		return this.#closed;
	}

	/** The state of a type; a new one subscribes to nothing. */
	type(typeUrl: string): TypeState {
		let state = this.types.get(typeUrl);
		if (!state) {
			state = new TypeState(typeUrl);
			this.types.set(typeUrl, state);
		}
		return state;
	}

	/** Notes that a returning client had all that it asked for. */
	recordConfirmed(state: TypeState): void {
		state.recordConfirmed(this.#context.clock.epochMs());
	}

	/** Notes what a client said about a response; false when it was about one that is not the last. */
	recordAnswer(state: TypeState, nonce: string, error: string | undefined): boolean {
		if (nonce !== state.sentNonce) {
			this.#context.metrics.expiredNonce(state.typeUrl);
			return false;
		}
		const now = this.#context.clock.epochMs();
		if (error === undefined) state.recordAck(now);
		else {
			state.recordNack(error, now);
			this.#context.metrics.rejected(state.typeUrl);
			this.#context.logger.warn({ proxy: this.id, type: state.typeUrl, error }, "a proxy refused its configuration");
		}
		return true;
	}

	/** The resources of a type that the client subscribes to, as of now. */
	current(state: TypeState, names: ReadonlySet<string> = state.names): readonly EncodedResource[] {
		const resources = this.#context.source.generate(this.node, state.typeUrl, names).map(encodeResource);
		return state.wildcard ? resources : resources.filter((r) => names.has(r.name));
	}

	/** Sends an update and remembers it. */
	send(update: Update): void {
		if (this.#closed) return;
		const { state, changed, removed } = update;
		for (const resource of changed) state.sent.set(resource.name, resource);
		for (const name of removed) {
			state.sent.delete(name);
			state.claimed.delete(name);
		}
		const nonce = `${++this.#nonce}`;
		const names = changed.map(({ name }) => name);
		state.recordSent(nonce, versionOf(state), names, this.#context.clock.epochMs());
		this.#writer.write(update, nonce);
		this.#context.metrics.pushed(state.typeUrl, changed);
	}

	/**
	 * Asks for a push. Requests that come while one is under way become one push after it; `endpointsOnly` promises that nothing but
	 * endpoints can have changed.
	 */
	requestPush(endpointsOnly: boolean): void {
		const { clock } = this.#context;
		const sinceMs = this.#pending?.sinceMs ?? clock.nowMs();
		this.#pending = { sinceMs, endpointsOnly: endpointsOnly && (this.#pending?.endpointsOnly ?? true) };
		if (this.#pushing) return;
		this.#pushing = true;
		void this.#pushAll().catch((error: unknown) => {
			this.#context.logger.error({ proxy: this.id, err: error }, "a push failed");
		});
	}

	/** Asks for a push after a while, unless the stream ends first. */
	pushLater(delayMs: number): void {
		const cancel = this.#context.clock.after(delayMs, () => this.requestPush(false));
		this.#onClose.push(cancel);
	}

	async #pushAll(): Promise<void> {
		try {
			while (this.#pending && !this.#closed) {
				// Many proxies are told at once; each lets sockets have their turn before it computes.
				await setImmediate();
				const { sinceMs, endpointsOnly } = this.#pending;
				this.#pending = undefined;
				for (const step of planPush(this, endpointsOnly)) {
					const update = step.update();
					if (update) this.send(update);
					await this.#settled(step.settled);
				}
				this.#context.metrics.converged(this.#context.clock.nowMs() - sinceMs);
			}
		} finally {
			this.#pushing = false;
		}
	}

	/** Resolves when a condition holds, the stream ends, or the client takes too long. */
	#settled(condition: () => boolean): Promise<void> {
		if (condition() || this.#closed) return Promise.resolve();
		return new Promise((resolve) => {
			const done = () => {
				cancel();
				for (const unsubscribe of unsubscribes) unsubscribe();
				resolve();
			};
			const cancel = this.#context.clock.after(ANSWER_TIMEOUT_MS, done);
			const check = () => {
				if (condition() || this.#closed) done();
			};
			const unsubscribes = [...this.types.values()].map((state) => state.onChange(check));
		});
	}

	/** EDS, if the client uses it. */
	get endpoints(): TypeState | undefined {
		return this.types.get(RESOURCE_TYPES.endpoint);
	}
}

/** The version of a whole type: its resources' versions, folded. */
function versionOf(state: TypeState): string {
	let hash = 0x811c9dc5;
	for (const { name, version } of state.sent.values())
		for (const c of `${name}=${version};`) hash = Math.imul(hash ^ c.codePointAt(0)!, 0x01000193) >>> 0;
	return `${state.sent.size}-${hash.toString(16).padStart(8, "0")}`;
}
