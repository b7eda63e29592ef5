import type { Socket } from "node:net";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import { cutSocket } from "./cut-socket.ts";
import type { DataGate } from "./data-gate.ts";
import type { FilterVerdict, NetworkConnection, NetworkFilter, NetworkFilterConfig } from "./network-filter.ts";

/** The filters of a chain on one connection: asked when it begins, and again when the client's bytes come. */
export class FilterRun implements NetworkConnection, DataGate {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	readonly info: StreamInfo;
	readonly #filters: readonly NetworkFilter[];
	readonly #onAdmitted: () => void;
	/** The filter that is asked next: of all when the connection begins, of those with `onData` afterwards. */
	#at = 0;
	#phase: "connection" | "data" = "connection";
	#asking: NetworkFilter[];
	#resumeData: (() => void) | undefined = undefined;

	/** `onAdmitted`: the terminal filter takes over, with this as its gate. */
	constructor(
		on: { readonly socket: Socket; readonly connection: ConnectionInfo; readonly info: StreamInfo },
		filters: readonly NetworkFilterConfig[],
		onAdmitted: (gate: DataGate) => void,
	) {
		this.socket = on.socket;
		this.connection = on.connection;
		this.info = on.info;
		this.#filters = filters.map((filter) => filter.create());
		this.#asking = this.#filters.filter((filter) => filter.onData !== undefined);
		const admitted = () => onAdmitted(this);
		this.#onAdmitted = admitted;
	}

	get asks(): boolean {
		return this.#asking.length > 0;
	}

	start(): void {
		this.socket.once("close", () => {
			for (const filter of this.#filters) filter.onClose?.(this);
		});
		this.#askNext();
	}

	admit(resume: () => void): FilterVerdict {
		this.#at = 0;
		this.#phase = "data";
		this.#resumeData = undefined;
		if (!this.#askNext()) {
			this.#resumeData = resume;
			return "stop";
		}
		return "continue";
	}

	resume(): void {
		this.#askNext();
	}

	close(details: string): void {
		if (details !== "") this.connection.localCloseReason = details;
		cutSocket(this.socket);
	}

	/** False when a filter stopped. */
	#askNext(): boolean {
		const list = this.#phase === "connection" ? this.#filters : this.#asking;
		while (this.#at < list.length) {
			const filter = list[this.#at++]!;
			const verdict = this.#phase === "connection" ? filter.onNewConnection?.(this) : filter.onData?.(this);
			if (verdict === "stop") return false;
		}
		if (this.#phase === "connection") this.#onAdmitted();
		else {
			this.#asking = this.#asking.filter((filter) => filter.everyRead === true);
			this.#resumeData?.();
		}
		return true;
	}
}
