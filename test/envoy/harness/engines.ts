import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy, type RunningEnvoy, startEnvoy } from "../../support/envoy.ts";
import { eventually } from "../../support/eventually.ts";
import { startLateenProxy } from "../../support/lateen-proxy.ts";
import { any, ROUTER, socketAddress } from "./bootstrap-parts.ts";
import { talkHttp1 } from "./http1-client.ts";
import type { UpstreamSpec } from "./upstream.ts";
import { UpstreamSet } from "./upstream-set.ts";

/** What a scene's bootstrap may refer to. */
export interface Places {
	/** Port of an upstream of the scene. */
	port(upstream: string): number;
	/** Path of a file of the scene. */
	file(name: string): string;
}

export interface Stage {
	readonly upstreams: Readonly<Record<string, UpstreamSpec>>;
	readonly files: Readonly<Record<string, string>>;
	bootstrap(at: Places): JsonObject;
}

const FENCE = "test-fence";
const START_WITHIN_MS = 10_000;

/** A listener whose log line comes after all that was logged before. */
const FENCE_LISTENER: JsonObject = {
	name: FENCE,
	address: socketAddress(0),
	filter_chains: [
		{
			filters: [
				{
					name: "envoy.filters.network.http_connection_manager",
					typed_config: any("network.http_connection_manager.v3.HttpConnectionManager", {
						stat_prefix: FENCE,
						access_log: [
							{
								name: "envoy.access_loggers.file",
								typed_config: any("envoy.extensions.access_loggers.file.v3.FileAccessLog", {
									path: "/dev/stdout",
									log_format: { text_format: `${FENCE} %REQ(:PATH)%\n` },
								}),
							},
						],
						route_config: {
							virtual_hosts: [
								{ name: FENCE, domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
							],
						},
						http_filters: [ROUTER],
					}),
				},
			],
		},
	],
};

/** One proxy on the stage of a scene, with its upstreams. */
export class Actor {
	readonly name: "Envoy" | "Lateen";
	readonly upstreams: UpstreamSet;
	#proxy: RunningEnvoy | undefined;
	#ports: ReadonlyMap<string, number> = new Map();
	#folder = "";
	#logRead = 0;
	#fences = 0;
	#startState = "";

	constructor(name: Actor["name"], upstreams: UpstreamSet) {
		this.name = name;
		this.upstreams = upstreams;
	}

	async start(stage: Stage): Promise<void> {
		this.#folder = await mkdtemp(join(tmpdir(), "lateen-scene-"));
		const file = (name: string) => join(this.#folder, name);
		for (const [name, content] of Object.entries(stage.files)) await writeFile(file(name), content);
		const bootstrap = stage.bootstrap({ port: (name) => this.upstreams.port(name), file });
		const { listeners, ...resources } = bootstrap.static_resources as JsonObject;
		const all = [...(listeners as JsonObject[]), FENCE_LISTENER];
		const complete = { ...bootstrap, static_resources: { ...resources, listeners: all } };
		// Once in a while an Envoy hangs while it starts.
		const lastTry = this.name === "Envoy" ? 2 : 1;
		for (let tries = 1; ; tries++) {
			this.#proxy = await startEngine(this.name, complete);
			const open = eventually(`${this.name}'s listeners`, () => this.#listening(all.length), START_WITHIN_MS);
			const failure = await open.then(
				(ports) => {
					this.#ports = ports;
				},
				(error: Error) => error,
			);
			if (!failure) return;
			const told = `${this.name} does not open its listeners (${this.#startState}):\n${this.errors()}`;
			await this.#proxy.stop();
			if (tries === lastTry || this.errors() !== "") throw new Error(told, { cause: failure });
		}
	}

	async #listening(count: number): Promise<ReadonlyMap<string, number> | undefined> {
		// Its admin interface may not listen yet; a proxy that ended never will.
		const signal = AbortSignal.timeout(2000);
		const response = await fetch(`${this.#running.adminUrl}/listeners?format=json`, { signal }).catch(String);
		if (typeof response === "string") {
			this.#startState = response;
			return undefined;
		}
		const { listener_statuses: found = [] } = (await response.json()) as {
			listener_statuses?: { name: string; local_address: { socket_address?: { port_value: number } } }[];
		};
		this.#startState = `open: ${found.map(({ name }) => name).join(", ")}`;
		if (found.length < count) return undefined;
		return new Map(found.map((one) => [one.name, one.local_address.socket_address?.port_value ?? 0]));
	}

	get #running(): RunningEnvoy {
		if (!this.#proxy) throw new Error(`${this.name} has not started`);
		return this.#proxy;
	}

	get adminUrl(): string {
		return this.#running.adminUrl;
	}

	/** Port of a listener; of the first one without a name. */
	port(listener?: string): number {
		const port = listener === undefined ? [...this.#ports.values()][0] : this.#ports.get(listener);
		if (port === undefined) throw new Error(`the scene has no listener "${listener}"`);
		return port;
	}

	/** Address and port → name of upstreams and listeners, for what is compared. */
	names(): ReadonlyMap<string, string> {
		const listeners = [...this.#ports].map(([name, port]) => [`127.0.0.1:${port}`, name] as const);
		return new Map([...this.upstreams.names(), ...listeners]);
	}

	/** Numbers of `/stats` with one of these names (a pattern counts as all that match it). */
	counters(names: readonly (string | RegExp)[]): Promise<Readonly<Record<string, number>>> {
		const patterns = names.map((name) => (typeof name === "string" ? literally(name) : name.source));
		return this.#running.stats(new RegExp(`^(${patterns.join("|")})$`));
	}

	/** Forgets the log lines that were written so far. */
	async skipLog(): Promise<void> {
		await this.#fence();
		this.#logRead = this.#running.output().length;
	}

	/** Lines that were logged since `skipLog`. */
	async logLines(): Promise<readonly string[]> {
		await this.#fence();
		const lines = this.#running.output().slice(this.#logRead).split("\n");
		return lines.filter((line) => line !== "" && !line.startsWith(FENCE));
	}

	async #fence(): Promise<void> {
		const path = `/${this.#fences++}`;
		await talkHttp1({ send: { path, headers: { connection: "close" } }, settleMs: 0 }, this.port(FENCE));
		// Lateen writes its logs in batches; this is the admin interface's way to have them now.
		if (this.name === "Lateen") await fetch(`${this.#running.adminUrl}/reopen_logs`, { method: "POST" });
		await eventually(`${this.name}'s log`, () => this.#running.output().includes(`${FENCE} ${path}\n`));
	}

	/** What it wrote to standard error. */
	errors(): string {
		return this.#proxy?.log() ?? "";
	}

	async stop(): Promise<void> {
		await this.#proxy?.stop();
		this.upstreams.close();
		if (this.#folder !== "") await rm(this.#folder, { recursive: true, force: true });
	}
}

async function startEngine(name: Actor["name"], bootstrap: JsonObject): Promise<RunningEnvoy> {
	if (name === "Lateen") return startLateenProxy(bootstrap);
	const envoy = await findEnvoy();
	if ("skip" in envoy) throw new Error(envoy.skip);
	return startEnvoy({ path: envoy.path, bootstrap, logLevel: "error" });
}

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Both proxies of a scene; with `shared` upstreams they have the same ones, and must be asked one after the other. */
export async function castOf(stage: Stage, shared: boolean): Promise<readonly [envoy: Actor, lateen: Actor]> {
	const first = new UpstreamSet();
	const second = shared ? first : new UpstreamSet();
	await first.start(stage.upstreams);
	if (!shared) await second.start(stage.upstreams);
	const cast = [new Actor("Envoy", first), new Actor("Lateen", second)] as const;
	// Who has started must be stopped, also when the other could not.
	const starts = await Promise.allSettled(cast.map((actor) => actor.start(stage)));
	const failures = starts.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
	if (failures.length === 0) return cast;
	await Promise.all(cast.map((actor) => actor.stop()));
	throw new Error(failures.map(({ message }) => message).join("\n"), { cause: failures[0] });
}
