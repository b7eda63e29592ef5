import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type {
	StatefulSession as Config,
	StatefulSessionPerRoute,
} from "../../../xds/generated/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { parseSessionState, type SessionState } from "./session-state.ts";

export interface StatefulSessionDeps {
	readonly clock: Clock;
	/** A stat of the connection manager: `stateful_session.<prefix>.routed` and the like. */
	counter(name: string): Counter;
}

interface Sessions {
	/** Undefined: no sessions are kept. */
	readonly state: SessionState | undefined;
	/** The endpoint or none. */
	readonly strict: boolean;
	/** Answer when a strict session's endpoint is not there. */
	readonly missingStatus: number;
}

/** Counted when the listener's config has a `stat_prefix`. */
interface SessionStats {
	readonly routed: Counter;
	readonly failedOpen: Counter;
	readonly failedClosed: Counter;
	readonly noSession: Counter;
}

const DISABLED = "disabled";

/** Keeps a client at the endpoint that answered it first (Envoy: stateful session filter). */
export function statefulSessionFilter(deps: StatefulSessionDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
		parse(config, path, name) {
			const { statPrefix } = config as Config;
			const sessions = readingConfig(path, (at, problems) => parseSessions(config as Config, at, problems));
			const stats = statPrefix === "" ? undefined : sessionStats(statPrefix, deps);
			return { name, create: () => new SessionStream({ name, sessions, stats, clock: deps.clock }) };
		},
		parseRoute: (config, path) => readingConfig(path, (at, problems) => parseRoute(config, at, problems)),
	};
}

function parseRoute(config: unknown, at: FieldPath, problems: ProblemList): Sessions | typeof DISABLED {
	const { override } = config as StatefulSessionPerRoute;
	if (override.case === "statefulSession") return parseSessions(override.value, at.field("stateful_session"), problems);
	if (override.case === undefined)
		problems.add("missing", at, "the override says nothing", "set disabled or stateful_session");
	else if (!override.value) problems.add("invalid", at.field("disabled"), "disabled can only be true");
	return DISABLED;
}

function parseSessions(config: Config, at: FieldPath, problems: ProblemList): Sessions {
	const { sessionState, strict, statusOnStrictDestinationNotFound: status } = config;
	const stateAt = at.field("session_state").field("typed_config");
	return {
		state: sessionState && parseSessionState(sessionState.typedConfig, stateAt, problems),
		strict,
		missingStatus: strict && status !== 0 ? status : 503,
	};
}

function sessionStats(prefix: string, { counter }: StatefulSessionDeps): SessionStats {
	const named = (name: string) => counter(`stateful_session.${prefix}.${name}`);
	return {
		routed: named("routed"),
		failedOpen: named("failed_open"),
		failedClosed: named("failed_closed"),
		noSession: named("no_session"),
	};
}

interface Shared {
	readonly name: string;
	readonly sessions: Sessions;
	readonly stats: SessionStats | undefined;
	readonly clock: Clock;
}

class SessionStream implements HttpFilter {
	readonly #shared: Shared;
	/** Undefined: the route has no sessions. */
	#sessions: Sessions | undefined;
	/** Undefined: this request has none. */
	#state: SessionState | undefined;
	#asked: string | undefined;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	decodeHeaders(stream: FilterStream): "pass" {
		const override = stream.routeConfig(this.#shared.name) as Sessions | typeof DISABLED | undefined;
		if (override === DISABLED) return "pass";
		const sessions = override ?? this.#shared.sessions;
		this.#sessions = sessions;
		if (!sessions.state?.covers(stream.request.path)) return "pass";
		this.#state = sessions.state;
		this.#asked = sessions.state.read(stream.request, this.#nowSeconds());
		if (this.#asked !== undefined) stream.overrideHost(this.#asked, sessions.strict);
		return "pass";
	}

	encodeHeaders(stream: FilterStream, response: ResponseHead): "pass" {
		const sessions = this.#sessions;
		if (!sessions) return "pass";
		const { stats } = this.#shared;
		const { upstreamHost, responseFlags } = stream.info;
		if (upstreamHost === undefined) {
			if (sessions.strict && this.#asked !== undefined && responseFlags.has("UH")) {
				stats?.failedClosed.inc();
				response.status = sessions.missingStatus;
			}
		} else if (!this.#state) stats?.noSession.inc();
		else this.#settle(this.#state, upstreamHost, response);
		return "pass";
	}

	#settle(state: SessionState, host: string, { headers }: ResponseHead): void {
		const { stats } = this.#shared;
		if (host === this.#asked) stats?.routed.inc();
		else {
			state.write(headers, host, this.#nowSeconds());
			if (!this.#sessions?.strict) stats?.failedOpen.inc();
		}
	}

	#nowSeconds(): number {
		return this.#shared.clock.epochMs() / 1000;
	}
}
