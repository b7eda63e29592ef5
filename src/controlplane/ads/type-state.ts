import type { EncodedResource } from "./resource-encoder.ts";

/** Why a client refused a response. */
export interface Nack {
	readonly nonce: string;
	readonly message: string;
	readonly atEpochMs: number;
}

/** What one stream knows about one resource type. */
export class TypeState {
	readonly typeUrl: string;
	/** True: every resource of the type. */
	wildcard = false;
	readonly names = new Set<string>();
	/** What the client has, as far as was sent. */
	readonly sent = new Map<string, EncodedResource>();
	/** What a client said that it has from an earlier stream, until it is confirmed or replaced. */
	readonly claimed = new Map<string, string>();
	/** Names in responses that were not acknowledged, or in the last one. */
	readonly lastSent = new Set<string>();
	sentNonce = "";
	sentVersion = "";
	sentAtEpochMs = 0;
	ackedNonce = "";
	ackedVersion = "";
	ackedAtEpochMs = 0;
	nack: Nack | undefined;
	readonly #waiters = new Set<() => void>();

	constructor(typeUrl: string) {
		this.typeUrl = typeUrl;
	}

	/** True while a response has neither been acknowledged nor refused. */
	get awaiting(): boolean {
		return this.sentNonce !== "" && this.ackedNonce !== this.sentNonce && this.nack?.nonce !== this.sentNonce;
	}

	/** `SYNCED`, `STALE`, `ERROR` or `NOT SENT`, as proxy-status prints it. */
	get status(): "SYNCED" | "STALE" | "ERROR" | "NOT SENT" {
		if (this.sentNonce === "") return this.ackedAtEpochMs > 0 ? "SYNCED" : "NOT SENT";
		if (this.nack?.nonce === this.sentNonce) return "ERROR";
		return this.awaiting ? "STALE" : "SYNCED";
	}

	recordSent(nonce: string, version: string, names: Iterable<string>, atEpochMs: number): void {
		if (!this.awaiting && !this.nack) this.lastSent.clear();
		for (const name of names) this.lastSent.add(name);
		this.sentNonce = nonce;
		this.sentVersion = version;
		this.sentAtEpochMs = atEpochMs;
	}

	/** A returning client already had all that it asks for. */
	recordConfirmed(atEpochMs: number): void {
		this.ackedAtEpochMs = atEpochMs;
	}

	recordAck(atEpochMs: number): void {
		this.ackedNonce = this.sentNonce;
		this.ackedVersion = this.sentVersion;
		this.ackedAtEpochMs = atEpochMs;
		this.nack = undefined;
		this.changed();
	}

	recordNack(message: string, atEpochMs: number): void {
		this.nack = { nonce: this.sentNonce, message, atEpochMs };
		this.changed();
	}

	/** Wakes those who wait for an answer or a subscription. */
	changed(): void {
		for (const wake of [...this.#waiters]) wake();
	}

	onChange(wake: () => void): () => void {
		this.#waiters.add(wake);
		return () => this.#waiters.delete(wake);
	}
}

/** What one response carries, before it takes the form of one of the two protocols. */
export interface Update {
	readonly state: TypeState;
	/** New or changed. */
	readonly changed: readonly EncodedResource[];
	readonly removed: readonly string[];
}
