import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy } from "../../support/envoy.ts";
import { pause } from "./client-socket.ts";
import type { Conversation, Http1Conversation } from "./conversation.ts";
import { type Actor, castOf, type Places } from "./engines.ts";
import { type Http1Seen, talkHttp1 } from "./http1-client.ts";
import { type Http2Seen, talkHttp2 } from "./http2-client.ts";
import { normalise, type Observation, unordered, withoutPooling } from "./normalise.ts";
import { sideBySide } from "./side-by-side.ts";
import { type TcpSeen, talkTcp } from "./tcp-client.ts";
import type { Answer, UpstreamSpec } from "./upstream.ts";

/** One bootstrap, its upstreams, and what is asked of both proxies. */
export interface Scene {
	readonly upstreams?: Readonly<Record<string, UpstreamSpec>>;
	/** Files that the bootstrap names by `at.file(name)`. */
	readonly files?: Readonly<Record<string, string>>;
	/** Both proxies call the same upstreams, one after the other: for what depends on their addresses (hashes). */
	readonly sharedUpstreams?: boolean;
	/** An Envoy v3 bootstrap in proto3 JSON. */
	bootstrap(at: Places): JsonObject;
	readonly cases: readonly Case[];
}

interface CaseFrame {
	readonly name: string;
	/** What upstreams answer in this case, by name, in the order of the requests. */
	readonly answers?: Readonly<Record<string, readonly Answer[]>>;
	/** Numbers of `/stats` whose growth is compared. */
	readonly counters?: readonly (string | RegExp)[];
	/** Id of a difference in docs/envoy-differences.md: the case must then show one. */
	readonly differs?: string;
	/** For what runs at the same time: the order of log lines and of upstreams' requests is not compared. */
	readonly unordered?: boolean;
	/** Compares also which requests shared a connection to the upstream. */
	readonly pooling?: boolean;
	/** How long things may still happen when the client is through; 0 by default. */
	readonly settleAfterMs?: number;
	/** Narrows what is compared, where a case cannot avoid chance. */
	compare?(seen: Observation): unknown;
}

/** A case with one connection, or with several, one after the other or at the same time. */
export type Case = CaseFrame &
	(Conversation | { readonly connections: readonly Conversation[]; readonly parallel?: boolean });

export type ConversationSeen = Http1Seen | Http2Seen | TcpSeen | { readonly failed: string };

/** Runs a scene's cases as tests, each against real Envoy and against Lateen. */
export function scene(name: string, stage: Scene): void {
	describe(name, async () => {
		const envoy = await findEnvoy();
		const skip = "skip" in envoy ? envoy.skip : false;
		const shared = stage.sharedUpstreams ?? false;
		let cast: readonly [Actor, Actor] | undefined;
		test(`${name}: both proxies take the configuration`, { skip }, async () => {
			cast = await castOf({ upstreams: {}, files: {}, ...stage }, shared);
		});
		after(() => Promise.all(cast?.map((actor) => actor.stop()) ?? []));
		for (const one of stage.cases)
			test(`${name}: ${one.name}`, { skip }, async (t) => {
				if (cast) await run(one, cast, shared, t);
				else t.skip("the scene did not start");
			});
	});
}

/** Plays the case on both; what differs is played once more, since who is quicker decides some things: a real difference shows again. */
async function run(one: Case, cast: readonly [Actor, Actor], oneByOne: boolean, t: TestContext): Promise<void> {
	const first = await difference(one, cast, oneByOne);
	if (first === undefined) return;
	const second = await difference(one, cast, oneByOne);
	if (second !== undefined) assert.fail(second);
	t.diagnostic("differed at first, and then no more");
}

/** What is wrong with the case now; undefined: nothing. */
async function difference(one: Case, cast: readonly [Actor, Actor], oneByOne: boolean): Promise<string | undefined> {
	const performances: Performance[] = [];
	if (oneByOne) for (const actor of cast) performances.push(await Performance.of(one, actor));
	else performances.push(...(await Promise.all(cast.map((actor) => Performance.of(one, actor)))));
	const [envoy, lateen] = await settled(performances, oneByOne);
	const same = isDeepStrictEqual(envoy, lateen);
	const table = () => sideBySide({ name: "Envoy", value: envoy }, { name: "Lateen", value: lateen });
	if (process.env.LATEEN_SCENE_PRINT) process.stdout.write(`${one.name}\n${table()}\n`);
	if (one.differs !== undefined) {
		if (!differenceIds().has(one.differs)) return `docs/envoy-differences.md does not list "${one.differs}"`;
		return same ? `"${one.differs}" is listed as a difference, but there is none any more` : undefined;
	}
	if (same) return undefined;
	const errors = cast[1]
		.errors()
		.split("\n")
		.filter((line) => /"level":"(error|warn)|Error| {4}at /.test(line));
	return `${one.name}: the proxies differ\n${table()}\n${errors.slice(-8).join("\n")}`;
}

const GRACE_MS = 400;

/** What both showed; if that differs, once more a moment later, since logs and mirrors come when they come. */
async function settled(performances: readonly Performance[], oneByOne: boolean): Promise<readonly unknown[]> {
	if (oneByOne) return performances.map((performance) => performance.result);
	const deadline = performance.now() + GRACE_MS;
	while (!isDeepStrictEqual(performances[0]?.result, performances[1]?.result) && performance.now() < deadline) {
		await pause(40);
		for (const one of performances) await one.collect();
	}
	return performances.map((one) => one.result);
}

/** One case as one proxy plays it. */
class Performance {
	readonly #case: Case;
	readonly #actor: Actor;
	#connections: readonly ConversationSeen[] = [];
	#before: Readonly<Record<string, number>> = {};
	result: unknown;

	private constructor(one: Case, actor: Actor) {
		this.#case = one;
		this.#actor = actor;
	}

	static async of(one: Case, actor: Actor): Promise<Performance> {
		const performance = new Performance(one, actor);
		await performance.#play();
		return performance;
	}

	async #play(): Promise<void> {
		const { answers = {}, counters, settleAfterMs = 0 } = this.#case;
		const actor = this.#actor;
		await actor.skipLog();
		actor.upstreams.begin(answers);
		if (counters) this.#before = await actor.counters(counters);
		const scripts = "connections" in this.#case ? this.#case.connections : [this.#case];
		const parallel = "parallel" in this.#case && this.#case.parallel === true && "connections" in this.#case;
		const seen: ConversationSeen[] = [];
		if (parallel) seen.push(...(await Promise.all(scripts.map((script) => talk(script, actor)))));
		else for (const script of scripts) seen.push(await talk(script, actor));
		this.#connections = seen;
		if (settleAfterMs > 0) await pause(settleAfterMs);
		await this.collect();
	}

	/** Looks again at logs, counters and upstreams. */
	async collect(): Promise<void> {
		const { counters, compare } = this.#case;
		const log = (await this.#actor.logLines()).map(parsed);
		const now = counters ? await this.#actor.counters(counters) : {};
		const grown = Object.entries(now).map(([name, value]) => [name, value - (this.#before[name] ?? 0)] as const);
		const seen: Observation = {
			connections: this.#connections,
			upstreams: this.#actor.upstreams.received(),
			log,
			counters: Object.fromEntries(grown.filter(([, by]) => by !== 0).sort()),
		};
		const normal = normalise(seen, this.#actor.names());
		const pooled = this.#case.pooling ? normal : withoutPooling(normal);
		const ordered = this.#case.unordered ? unordered(pooled) : pooled;
		this.result = compare ? compare(ordered) : ordered;
	}
}

async function talk(script: Conversation, actor: Actor): Promise<ConversationSeen> {
	const port = actor.port(script.to);
	try {
		if (script.protocol === "http2") return await talkHttp2(script, port);
		if (script.protocol === "tcp") return await talkTcp(script, port);
		return await talkHttp1(script as Http1Conversation, port);
	} catch (error) {
		// A refused handshake or connection is an observation; the words of Node's own errors carry ports.
		const { code, message } = error as NodeJS.ErrnoException;
		// A client that refuses the server by its name shows the same of both proxies, and nothing.
		if (code === undefined || code === "ERR_TLS_CERT_ALTNAME_INVALID") throw error;
		return { failed: `${code} ${/alert [a-z ]+/.exec(message)?.[0] ?? ""}`.trim() };
	}
}

function parsed(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return line;
	}
}

let ids: ReadonlySet<string> | undefined;

/** Ids of the differences that are listed: headings `### id`. */
function differenceIds(): ReadonlySet<string> {
	const page = new URL("../../../docs/envoy-differences.md", import.meta.url);
	ids ??= new Set([...readFileSync(page, "utf8").matchAll(/^### (\S+)$/gm)].map((match) => match[1]!));
	return ids;
}

/** A case of one GET. */
export function get(
	name: string,
	path: string,
	headers: NonNullable<Extract<Http1Conversation["send"], { path?: string }>["headers"]> = {},
	more: Partial<CaseFrame> & Omit<Http1Conversation, "send" | "protocol"> = {},
): Case {
	return { name, send: { path, headers }, ...more };
}
