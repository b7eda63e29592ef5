import { fieldPath } from "../../../lib/field-path.ts";
import type { TicketSource } from "../downstream-config.ts";
import { loadTicketKeys } from "../secret/load-secret.ts";
import type { Secrets } from "../secret/secret-store.ts";
import { TlsProblems } from "../tls-problems.ts";

interface TicketDeps {
	readonly secrets: Secrets;
	readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The key that seals session tickets. Node opens tickets with this one only: those of older keys cost a whole handshake. */
export class TicketKeys {
	/** Undefined: the proxy's own. */
	sealing: Buffer | undefined = undefined;
	ready = true;
	readonly #stop: () => void;

	constructor(source: Exclude<TicketSource, { kind: "none" }>, deps: TicketDeps, onChange: () => void) {
		if (source.kind === "given") this.sealing = source.keys[0];
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
				const [first] = loadTicketKeys(secret.type.value.keys, fieldPath(secret.name), reading);
				if (reading.problems.problems.length > 0) return;
				this.sealing = first;
				this.ready = true;
				onChange();
			},
			onTimeout: () => {},
		});
	}
}
