import { randomBytes } from "node:crypto";
import type { SecureContext } from "node:tls";
import { fieldPath } from "../../../lib/field-path.ts";
import type { TicketSource } from "../downstream/downstream-config.ts";
import { loadTicketKeys } from "../secret/load-secret.ts";
import type { Secrets } from "../secret/secret-store.ts";
import { TlsProblems } from "../tls-problems.ts";

interface TicketDeps {
	readonly secrets: Secrets;
	readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The keys of session tickets: the first one seals, all open. */
export class TicketKeys {
	/** Envoy's keys; empty: the proxy's own. */
	keys: readonly Buffer[] = [];
	ready = true;
	readonly #stop: () => void;

	constructor(source: Exclude<TicketSource, { kind: "none" }>, deps: TicketDeps, onChange: () => void) {
		if (source.kind === "given") this.keys = source.keys;
		this.#stop = source.kind === "secret" ? this.#follow(source, deps, onChange) : () => {};
	}

	close(): void {
		this.#stop();
	}

	#follow({ reference }: TicketSource & { kind: "secret" }, deps: TicketDeps, onChange: () => void): () => void {
		this.ready = false;
		return deps.secrets.watch(reference, {
			onSecret: (secret) => {
				if (secret.type.case !== "sessionTicketKeys") return;
				const reading = { environment: deps.environment, problems: new TlsProblems() };
				const keys = loadTicketKeys(secret.type.value.keys, fieldPath(secret.name), reading);
				if (reading.problems.problems.length > 0) return;
				this.keys = keys;
				this.ready = true;
				onChange();
			},
			onTimeout: () => {},
		});
	}
}

/** Node's context with its way to be asked about tickets; not in its types. */
interface TicketContext {
	enableTicketKeyCallback(): void;
	onticketkeycallback: (name: Uint8Array, iv: Uint8Array, sealing: boolean) => readonly [number, ...Uint8Array[]];
}

const PART_BYTES = 16;
const NO_KEY = 0;
const FOUND = 1;
/** Opened by an older key: the client gets a new ticket. */
const FOUND_OLD = 2;

/** Lets a context seal tickets with the first of `keys` and open those of all of them; each is Node's 48 bytes (name, HMAC key, AES key). */
export function openTicketsWith(context: SecureContext, keys: readonly Buffer[]): void {
	const native = context.context as TicketContext;
	const parts = keys.map((key) => [0, 1, 2].map((i) => key.subarray(i * PART_BYTES, (i + 1) * PART_BYTES)));
	native.enableTicketKeyCallback();
	native.onticketkeycallback = (name, _iv, sealing) => {
		const at = sealing ? 0 : parts.findIndex(([own]) => own!.equals(name));
		const [own, hmac, aes] = parts[Math.max(at, 0)]!;
		const verdict = at < 0 ? NO_KEY : sealing || at === 0 ? FOUND : FOUND_OLD;
		return [verdict, hmac!, aes!, own!, sealing ? randomBytes(PART_BYTES) : _iv];
	};
}
