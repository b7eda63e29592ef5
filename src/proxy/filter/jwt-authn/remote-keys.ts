import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { RetryPolicy } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { RemoteJwks } from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { SideCalls, SideOutcome, SideRequest } from "../../http/side-calls.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { isKeySet, type JwkSet, parseJwks } from "./jwks.ts";
import type { JwtCrypto } from "./jwt-crypto.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";

/** Envoy's, when the configuration names none. */
const DEFAULT_CACHE_MS = 600_000;
/** A set that is fetched ahead is fetched anew so long before it ends. */
const AHEAD_MS = 5_000;
const MAX_JWKS_BYTES = 1024 * 1024;

export interface RemoteKeysDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly sideCalls: SideCalls;
	readonly crypto: JwtCrypto;
	readonly fetched: Counter;
	readonly failed: Counter;
}

/** Where a provider's keys come from. */
export interface KeySource {
	/** The keys now; undefined: they must be fetched first. */
	current(): JwkSet | undefined;
	/** Fetches them, together with whoever else waits; the returned function stops waiting. */
	fetch(done: (keys: JwkSet | JwtStatus) => void): () => void;
}

interface Settings {
	readonly request: SideRequest;
	readonly cacheMs: number;
	/** Fetched before a request asks, and refreshed while the old set still serves. */
	readonly ahead: boolean;
	readonly retries: number;
	readonly backOffMs: { readonly base: number; readonly max: number };
}

/** Compiles `remote_jwks`. */
export function compileRemoteKeys(
	remote: RemoteJwks,
	at: FieldPath,
	problems: ProblemList,
	deps: RemoteKeysDeps,
): KeySource {
	const uri = remote.httpUri;
	const uriAt = at.field("http_uri");
	if (!uri) problems.add("missing", uriAt, "remote_jwks needs http_uri");
	const { authority, path } = splitUri(uri?.uri ?? "");
	if (uri && authority === "") problems.add("invalid", uriAt.field("uri"), `"${uri.uri}" is no http or https URI`);
	if (uri && !uri.httpUpstreamType.value) problems.add("missing", uriAt.field("cluster"), "http_uri names no cluster");
	if (uri && !uri.timeout) problems.add("missing", uriAt.field("timeout"), "http_uri has no timeout");
	const request: SideRequest = {
		cluster: uri?.httpUpstreamType.value ?? "",
		method: "GET",
		path,
		authority,
		// What a key server sees of Envoy.
		headers: HeaderMap.of(["user-agent", "Go-browser"]),
		body: new Uint8Array(),
		timeoutMs: uri?.timeout ? durationMs(uri.timeout) : 0,
		maxBodyBytes: MAX_JWKS_BYTES,
	};
	const cacheMs = remote.cacheDuration ? durationMs(remote.cacheDuration) : DEFAULT_CACHE_MS;
	const settings = { request, cacheMs, ahead: remote.asyncFetch !== undefined, ...retriesOf(remote.retryPolicy) };
	return new RemoteKeys(settings, deps);
}

function retriesOf(policy: RetryPolicy | undefined): Pick<Settings, "retries" | "backOffMs"> {
	const backOff = policy?.retryBackOff;
	const base = backOff?.baseInterval ? durationMs(backOff.baseInterval) : 1_000;
	const max = backOff?.maxInterval ? durationMs(backOff.maxInterval) : base * 10;
	return { retries: policy ? (policy.numRetries ?? 1) : 0, backOffMs: { base, max } };
}

function splitUri(uri: string): { authority: string; path: string } {
	const parts = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(uri);
	const path = parts?.[2] ?? "/";
	return { authority: parts?.[1] ?? "", path: path.startsWith("/") ? path : `/${path}` };
}

/** One key set behind a URI: fetched once for all who wait, kept for as long as the configuration says. */
class RemoteKeys implements KeySource {
	readonly #settings: Settings;
	readonly #deps: RemoteKeysDeps;
	readonly #waiting = new Set<(keys: JwkSet | JwtStatus) => void>();
	#keys: JwkSet | undefined = undefined;
	#freshUntilMs = 0;
	#fetching = false;

	constructor(settings: Settings, deps: RemoteKeysDeps) {
		this.#settings = settings;
		this.#deps = deps;
		// Clusters of the same update come into force first.
		if (settings.ahead) deps.clock.after(0, () => this.#start());
	}

	current(): JwkSet | undefined {
		const leftMs = this.#freshUntilMs - this.#deps.clock.nowMs();
		if (!this.#settings.ahead) return leftMs > 0 ? this.#keys : undefined;
		// Fetched ahead: the old set serves until the new one is there.
		if (this.#keys && leftMs <= Math.min(AHEAD_MS, this.#settings.cacheMs / 2)) this.#start();
		return this.#keys;
	}

	fetch(done: (keys: JwkSet | JwtStatus) => void): () => void {
		this.#waiting.add(done);
		this.#start();
		return () => this.#waiting.delete(done);
	}

	#start(): void {
		if (this.#fetching) return;
		this.#fetching = true;
		this.#attempt(0);
	}

	#attempt(attempt: number): void {
		this.#deps.sideCalls.call(this.#settings.request, (outcome) => {
			if (mayRetry(outcome) && attempt < this.#settings.retries) {
				this.#deps.clock.after(this.#backOffMs(attempt), () => this.#attempt(attempt + 1));
				return;
			}
			this.#finish(this.#read(outcome));
		});
	}

	#backOffMs(attempt: number): number {
		const { base, max } = this.#settings.backOffMs;
		return Math.min(max, this.#deps.random.unit() * base * 2 ** attempt);
	}

	#read(outcome: SideOutcome): JwkSet | JwtStatus {
		if (outcome.kind !== "answer" || outcome.status !== 200) return JWT_STATUS.fetchFails;
		const keys = parseJwks(new TextDecoder().decode(outcome.body), this.#deps.crypto);
		return isKeySet(keys) ? keys : JWT_STATUS.fetchFails;
	}

	#finish(result: JwkSet | JwtStatus): void {
		this.#fetching = false;
		if (isKeySet(result)) {
			this.#keys = result;
			this.#freshUntilMs = this.#deps.clock.nowMs() + this.#settings.cacheMs;
			this.#deps.fetched.inc();
		} else this.#deps.failed.inc();
		const waiting = [...this.#waiting];
		this.#waiting.clear();
		for (const done of waiting) done(result);
	}
}

/** Envoy's conditions for this fetch: 5xx, gateway-error, connect-failure, reset. */
function mayRetry(outcome: SideOutcome): boolean {
	return outcome.kind === "failed" || outcome.status >= 500;
}
