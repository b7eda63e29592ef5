import type { Clock } from "../../../lib/clock.ts";
import { fieldPath } from "../../../lib/field-path.ts";
import { formatProblem, type Problem, problem } from "../../../lib/problem.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import type { Metrics, StatScope } from "../../../telemetry/metric-registry.ts";
import type { Secret } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { TlsProblems } from "../tls-problems.ts";
import { type FileWatch, type FileWatcher, watchedFolders } from "./file-watcher.ts";
import { loadSecret } from "./load-secret.ts";
import type { SecretReference, SecretSource } from "./secret-reference.ts";

/** Who needs a secret. */
export interface SecretUser {
	/** At once when the secret is there, and whenever it or a file that it names changes. */
	onSecret(secret: Secret): void;
	/** It did not come in time; it may still. */
	onTimeout(): void;
}

/** Where contexts get their secrets. */
export interface Secrets {
	/** The answer ends the interest. */
	watch(reference: SecretReference, user: SecretUser): () => void;
}

/** Brings secrets by ADS, gRPC or file; `runtime` has them. */
export interface SecretFetcher {
	/** Asks for a secret until the answer is called; what comes goes to `SecretStore.offer` of the same source. */
	fetch(source: SecretSource, name: string): () => void;
}

export interface SecretStoreDeps {
	readonly clock: Clock;
	readonly logger: Logger;
	readonly metrics: Pick<Metrics, "scope">;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly files: FileWatcher;
}

/** A named secret as the configuration dump shows it. */
export interface SecretRecord {
	readonly name: string;
	readonly source: SecretSource;
	/** Undefined: it has not come yet. */
	readonly secret: Secret | undefined;
	readonly version: string;
	readonly updatedEpochMs: number;
}

interface Entry {
	readonly name: string;
	readonly source: SecretSource;
	readonly users: Set<SecretUser>;
	readonly stats: StatScope | undefined;
	secret: Secret | undefined;
	version: string;
	updatedEpochMs: number;
	watches: FileWatch[];
	stop: () => void;
}

/** All named secrets of a data plane: each is asked for once, however many contexts want it, and the last good one stays in force. */
export class SecretStore implements Secrets {
	readonly #deps: SecretStoreDeps;
	readonly #entries = new Map<string, Entry>();
	readonly #static = new Map<string, Secret>();
	readonly #early = new Map<string, { readonly secret: Secret; readonly version: string }>();
	#fetcher: SecretFetcher = { fetch: () => () => {} };

	constructor(deps: SecretStoreDeps) {
		this.#deps = deps;
	}

	/** Who brings secrets from now on; set before the first listener or cluster. */
	setFetcher(fetcher: SecretFetcher): void {
		this.#fetcher = fetcher;
	}

	/** Takes the bootstrap's secrets; answers with what is wrong in them. */
	addStatic(secrets: readonly Secret[], path: string): Problem[] {
		return secrets.flatMap((secret, i) => {
			const at = fieldPath(path).index(i);
			if (this.#static.has(secret.name))
				return [problem("LTN3801", at.field("name").toString(), `the secret "${secret.name}" is there twice`)];
			this.#static.set(secret.name, secret);
			return this.#check(secret, at.toString());
		});
	}

	hasStatic(name: string): boolean {
		return this.#static.has(name);
	}

	staticSecrets(): readonly Secret[] {
		return [...this.#static.values()];
	}

	/** Secrets that come from elsewhere, by name. */
	records(): readonly SecretRecord[] {
		return [...this.#entries.values()]
			.filter(({ source }) => source.kind !== "static")
			.sort((a, b) => (a.name < b.name ? -1 : 1));
	}

	watch(reference: SecretReference, user: SecretUser): () => void {
		const entry = this.#entryOf(reference);
		entry.users.add(user);
		let cancel = () => {};
		if (entry.secret) user.onSecret(entry.secret);
		else if (reference.initialFetchTimeoutMs > 0)
			cancel = this.#deps.clock.after(reference.initialFetchTimeoutMs, () => {
				if (entry.secret || !entry.users.has(user)) return;
				entry.stats?.counter("init_fetch_timeout").inc();
				this.#deps.logger.warn({ secret: reference.name }, "the secret did not come in time");
				user.onTimeout();
			});
		return () => {
			cancel();
			entry.users.delete(user);
			if (entry.users.size > 0) return;
			this.#entries.delete(keyOf(reference));
			this.#early.delete(keyOf(reference));
			entry.stop();
			for (const watch of entry.watches) watch.close();
			entry.stats?.release();
		};
	}

	/** A secret has come; the problems found leave the last good one in force. */
	offer(source: SecretSource, secret: Secret, version: string): Problem[] {
		const key = keyOf({ source, name: secret.name });
		const entry = this.#entries.get(key);
		if (!entry) {
			// Another thread has it already and sends it on; who wants it here comes later.
			if (source.kind === "ads") this.#early.set(key, { secret, version });
			return [];
		}
		const problems = this.#check(secret, secret.name);
		if (problems.length > 0) return this.refuse(source, secret, problems);
		entry.stats?.counter("update_attempt").inc();
		entry.stats?.counter("update_success").inc();
		this.#take(entry, secret, version);
		return [];
	}

	/** A secret has come that is not to be used; answers with its problems. */
	refuse(source: SecretSource, secret: Secret, problems: readonly Problem[]): Problem[] {
		const { stats } = this.#entries.get(keyOf({ source, name: secret.name })) ?? {};
		stats?.counter("update_attempt").inc();
		stats?.counter("update_rejected").inc();
		this.#deps.logger.warn(
			{ secret: secret.name, reason: problems.map(formatProblem).join("; ") },
			"the secret is refused, the last good one stays",
		);
		return [...problems];
	}

	close(): void {
		for (const entry of this.#entries.values()) {
			entry.stop();
			for (const watch of entry.watches) watch.close();
		}
		this.#entries.clear();
	}

	#entryOf(reference: SecretReference): Entry {
		const key = keyOf(reference);
		const known = this.#entries.get(key);
		if (known) return known;
		const { name, source } = reference;
		const entry: Entry = {
			name,
			source,
			users: new Set(),
			stats: source.kind === "static" ? undefined : sdsStats(this.#deps.metrics, name),
			secret: undefined,
			version: "uninitialized",
			updatedEpochMs: this.#deps.clock.epochMs(),
			watches: [],
			stop: () => {},
		};
		this.#entries.set(key, entry);
		const fixed = source.kind === "static" ? this.#static.get(name) : undefined;
		const early = this.#early.get(key);
		if (fixed) this.#take(entry, fixed, "");
		else if (early) this.#take(entry, early.secret, early.version);
		if (source.kind !== "static") entry.stop = this.#fetcher.fetch(source, name);
		return entry;
	}

	#take(entry: Entry, secret: Secret, version: string): void {
		entry.secret = secret;
		entry.version = version;
		entry.updatedEpochMs = this.#deps.clock.epochMs();
		for (const watch of entry.watches) watch.close();
		const reread = () => this.#filesChanged(entry, secret);
		// Files of static secrets are read once, as Envoy does, unless a folder is named to watch.
		entry.watches = watchedFolders(secret, entry.source.kind !== "static").map((path) =>
			this.#deps.files.watch(path, reread),
		);
		for (const user of [...entry.users]) user.onSecret(secret);
	}

	#filesChanged(entry: Entry, secret: Secret): void {
		if (entry.secret !== secret) return;
		const problems = this.#check(secret, secret.name);
		if (problems.length === 0) {
			for (const user of [...entry.users]) user.onSecret(secret);
			return;
		}
		entry.stats?.counter("key_rotation_failed").inc();
		this.#deps.logger.warn(
			{ secret: secret.name, reason: problems.map(formatProblem).join("; ") },
			"the changed files are refused, what was read before stays",
		);
	}

	#check(secret: Secret, path: string): Problem[] {
		const problems = new TlsProblems();
		loadSecret(secret, fieldPath(path), { environment: this.#deps.environment, problems });
		return problems.problems;
	}
}

/** One name may come from several sources; they are secrets of their own. */
export function keyOf({ source, name }: Pick<SecretReference, "source" | "name">): string {
	return `${sourceKey(source)}|${name}`;
}

/** The same text for the same server or file. */
export function sourceKey(source: SecretSource): string {
	if (source.kind === "file") return `file:${source.path}`;
	if (source.kind !== "grpc") return source.kind;
	const { target } = source;
	return `grpc:${source.api}:${target.kind === "uri" ? target.uri : `cluster:${target.cluster}`}`;
}

function sdsStats(metrics: Pick<Metrics, "scope">, name: string): StatScope {
	const scope = metrics.scope(`sds.${name.replaceAll(":", "_")}.`);
	const names = ["update_attempt", "update_success", "update_rejected", "update_failure", "init_fetch_timeout"];
	for (const counter of [...names, "key_rotation_failed"]) scope.counter(counter);
	return scope;
}
