import type { Socket } from "node:net";
import { fieldPath } from "../../../lib/field-path.ts";
import { ProblemError, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TransportSocket } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { DownstreamTlsContextSchema } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { DownstreamTransport, Handshake } from "../../listener/downstream-transport.ts";
import { missingSecrets } from "../../tls/context/common-tls.ts";
import { type DownstreamTlsConfig, parseDownstreamTls } from "../../tls/downstream/downstream-config.ts";
import { DownstreamTls } from "../../tls/downstream/downstream-tls.ts";
import type { TlsDeps } from "../../tls/tls-deps.ts";

interface Shared {
	readonly tls: DownstreamTls;
	users: number;
}

/**
 * The TLS contexts of listeners. Equal contexts of one listener are one, so that a filter chain that outlives an update of its listener goes on
 * with a context that is kept up to date.
 */
export class ListenerTls {
	readonly #deps: TlsDeps;
	readonly #shared = new Map<string, Shared>();

	constructor(deps: TlsDeps) {
		this.#deps = deps;
	}

	/** Contexts in force. */
	contexts(): readonly DownstreamTls[] {
		return [...this.#shared.values()].map(({ tls }) => tls);
	}

	/** Reads a transport socket; throws ProblemError. */
	compile(message: TransportSocket, path: string): CompiledListenerTls {
		const config = message.configType.case === "typedConfig" ? message.configType.value : undefined;
		const at = fieldPath(path).field("typed_config").toString();
		const context = unpackAs(config, DownstreamTlsContextSchema);
		if (!config || !context) {
			const what = `the transport socket ${config?.typeUrl ?? message.name} is not implemented by this proxy`;
			throw new ProblemError([problem("LTN3542", path, what, "remove it")]);
		}
		const key = Buffer.from(config.value).toString("base64");
		const compiled = parseDownstreamTls(context, at, this.#deps.environment);
		const missing = missingSecrets(compiled.common, this.#deps.secrets);
		if (missing.length > 0) throw new ProblemError(missing);
		return new CompiledListenerTls(compiled, key, this);
	}

	/** The context for `config`, shared by all that have this key. */
	open(config: DownstreamTlsConfig, key: string, statPrefix: string): DownstreamTls {
		let shared = this.#shared.get(key);
		if (!shared) {
			shared = { tls: new DownstreamTls(config, this.#deps, statPrefix), users: 0 };
			this.#shared.set(key, shared);
		}
		shared.users++;
		return shared.tls;
	}

	release(key: string): void {
		const shared = this.#shared.get(key);
		if (!shared) return;
		shared.users--;
		if (shared.users > 0) return;
		this.#shared.delete(key);
		shared.tls.close();
	}
}

/** A listener's transport socket; `open` before the first connection. */
export class CompiledListenerTls implements DownstreamTransport {
	readonly #config: DownstreamTlsConfig;
	readonly #key: string;
	readonly #owner: ListenerTls;
	#opened: { readonly tls: DownstreamTls; readonly key: string } | undefined = undefined;
	/** The part of its stats' names behind `listener.`; set once the listener's is known. */
	statPrefix = "";

	constructor(config: DownstreamTlsConfig, key: string, owner: ListenerTls) {
		this.#config = config;
		this.#key = key;
		this.#owner = owner;
	}

	/** Asks for its secrets. */
	open(): void {
		if (this.#opened) return;
		const key = `${this.statPrefix}|${this.#key}`;
		this.#opened = { key, tls: this.#owner.open(this.#config, key, `listener.${this.statPrefix}.`) };
	}

	/** Its secrets are there, or were waited for long enough. */
	get settled(): boolean {
		return this.#opened?.tls.settled ?? false;
	}

	/** Calls `task` once, when that is so. */
	whenSettled(task: () => void): void {
		this.#opened?.tls.whenSettled(task);
	}

	/** No longer in the configuration; connections that it has go on. */
	close(): void {
		if (this.#opened) this.#owner.release(this.#opened.key);
	}

	accept(socket: Socket, connection: ConnectionInfo, handshake: Handshake): void {
		if (!this.#opened) throw new Error("a connection came before its listener's TLS context was opened");
		this.#opened.tls.accept(socket, connection, handshake);
	}
}
