import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type {
	JwtAuthentication,
	PerRouteConfig,
	RequirementRule,
} from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import type { LocalReply, RequestHead } from "../../http/message.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import { MatchInput } from "../../router/match/match-input.ts";
import { compileRouteCondition, type RouteCondition } from "../../router/match/route-condition.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import type { JwtCrypto } from "./jwt-crypto.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";
import { compileProvider, type Provider } from "./provider.ts";
import { compileRequirement, type Requirement, type RequirementScope } from "./requirement.ts";
import { compileTokenLocations } from "./token-locations.ts";
import { Verification, type VerificationShared } from "./verification.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3";
const METADATA = "envoy.filters.http.jwt_authn";

/** How much of the request's address stands in `www-authenticate`. */
const MAX_REALM_PATH = 256;

export interface JwtAuthnDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly sideCalls: SideCalls;
	readonly jwtCrypto: JwtCrypto;
	/** A stat of the connection manager: `jwt_authn.allowed` and the like. */
	counter(name: string): Counter;
}

interface Rule {
	readonly condition: RouteCondition;
	/** Undefined: nothing is asked. */
	readonly requirement: Requirement | undefined;
}

interface Settings {
	readonly name: string;
	readonly shared: VerificationShared;
	readonly rules: readonly Rule[];
	readonly named: ReadonlyMap<string, Requirement>;
	/** Requirements by the text of one entry of filter state; they count when no rule does. */
	readonly byState: { readonly key: string; readonly requirements: ReadonlyMap<string, Requirement> } | undefined;
	readonly bypassPreflight: boolean;
	readonly stripReason: boolean;
	readonly random: Random;
	readonly allowed: Counter;
	readonly denied: Counter;
	readonly bypassed: Counter;
}

/** A route's word: no check, or the requirement of this name. */
type RouteRule = { readonly kind: "off" } | { readonly kind: "named"; readonly name: string };

/** Tokens of clients, verified (Envoy: JWT authentication filter). */
export function jwtAuthnFilter(deps: JwtAuthnDeps): HttpFilterFactory {
	return {
		typeUrl: `${TYPE}.JwtAuthentication`,
		routeTypeUrl: `${TYPE}.PerRouteConfig`,
		parse(config, path, name) {
			const settings = readingConfig(path, (at, problems) =>
				parseConfig(config as JwtAuthentication, name, { at, problems, deps }),
			);
			return { name, create: () => new JwtAuthnStream(settings) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseRouteRule(config as PerRouteConfig, at, problems)),
	};
}

interface ParseScope {
	readonly at: FieldPath;
	readonly problems: ProblemList;
	readonly deps: JwtAuthnDeps;
}

function parseConfig(config: JwtAuthentication, name: string, { at, problems, deps }: ParseScope): Settings {
	const prefix = config.statPrefix === "" ? "jwt_authn." : `jwt_authn.${config.statPrefix}.`;
	const counter = (stat: string) => deps.counter(`${prefix}${stat}`);
	const keyDeps = {
		...deps,
		crypto: deps.jwtCrypto,
		fetched: counter("jwks_fetch_success"),
		failed: counter("jwks_fetch_failed"),
	};
	const providers = new Map<string, Provider>();
	for (const [key, provider] of Object.entries(config.providers))
		providers.set(key, compileProvider(provider, at.field("providers").key(key), problems, keyDeps));
	const allLocations = compileTokenLocations(Object.values(config.providers));
	const scope: RequirementScope = { providers, allLocations, problems };
	const named = compileMap(config.requirementMap, at.field("requirement_map"), scope);
	const state = config.filterStateRules;
	const stateAt = at.field("filter_state_rules").field("requires");
	return {
		name,
		shared: {
			byIssuer: firstByIssuer(providers),
			only: providers.size === 1 ? [...providers.values()][0] : undefined,
			nowMs: () => deps.clock.epochMs(),
			cacheHit: counter("jwt_cache_hit"),
			cacheMiss: counter("jwt_cache_miss"),
		},
		rules: config.rules.map((rule, i) => parseRule(rule, at.field("rules").index(i), named, scope)),
		named,
		byState: state && { key: state.name, requirements: compileMap(state.requires, stateAt, scope) },
		bypassPreflight: config.bypassCorsPreflight,
		stripReason: config.stripFailureResponse,
		random: deps.random,
		allowed: counter("allowed"),
		denied: counter("denied"),
		bypassed: counter("cors_preflight_bypassed"),
	};
}

function firstByIssuer(providers: ReadonlyMap<string, Provider>): Map<string, Provider> {
	const byIssuer = new Map<string, Provider>();
	for (const provider of providers.values()) {
		if (!byIssuer.has(provider.issuer)) byIssuer.set(provider.issuer, provider);
	}
	return byIssuer;
}

function compileMap(
	messages: Readonly<Record<string, Parameters<typeof compileRequirement>[0]>>,
	at: FieldPath,
	scope: RequirementScope,
): Map<string, Requirement> {
	const entries = Object.entries(messages).map(
		([key, message]) => [key, compileRequirement(message, at.key(key), scope)] as const,
	);
	return new Map(entries);
}

function parseRule(
	{ match, requirementType: type }: RequirementRule,
	at: FieldPath,
	named: ReadonlyMap<string, Requirement>,
	scope: RequirementScope,
): Rule {
	const { problems } = scope;
	if (!match) problems.add("missing", at.field("match"), "the rule has no match");
	const condition = match && compileRouteCondition(match, at.field("match"), problems);
	if (type.case === "requires")
		return { condition: condition!, requirement: compileRequirement(type.value, at.field("requires"), scope) };
	if (type.case !== "requirementName") return { condition: condition!, requirement: undefined };
	const requirement = named.get(type.value);
	if (!requirement)
		problems.add("invalid", at.field("requirement_name"), `requirement_map has no "${type.value}"`, "define it there");
	return { condition: condition!, requirement };
}

function parseRouteRule(
	{ requirementSpecifier: spec }: PerRouteConfig,
	at: FieldPath,
	problems: ProblemList,
): RouteRule {
	if (spec.case === "requirementName") return { kind: "named", name: spec.value };
	if (spec.case === undefined) problems.add("missing", at, "the config says neither disabled nor requirement_name");
	else if (!spec.value) problems.add("invalid", at.field("disabled"), "disabled can only be true");
	return { kind: "off" };
}

/** One stream: at rest, waiting for keys, or answered. */
class JwtAuthnStream implements HttpFilter {
	readonly #on: Settings;
	#verification: Verification | undefined = undefined;
	#outcome: "pending" | "allowed" | "denied" = "pending";
	#waiting = false;

	constructor(on: Settings) {
		this.#on = on;
	}

	decodeHeaders(stream: FilterStream): "pass" | "stop" {
		const { request } = stream;
		if (this.#on.bypassPreflight && isPreflight(request)) {
			this.#on.bypassed.inc();
			this.#allow(stream);
			return "pass";
		}
		const requirement = this.#requirementFor(stream);
		if (requirement === "unknown") return "stop";
		if (!requirement) {
			this.#allow(stream);
			return "pass";
		}
		// The check may take a token off the path; the client is told the address that it sent.
		const realm = `${request.scheme}://${request.authority}${request.path.slice(0, MAX_REALM_PATH)}`;
		const verification = new Verification(this.#on.shared, request);
		this.#verification = verification;
		requirement(verification, (status) => this.#finish(status, realm, stream));
		if (this.#outcome === "allowed") return "pass";
		this.#waiting = true;
		return "stop";
	}

	onStreamEnd(): void {
		this.#verification?.stopWaiting?.();
	}

	#requirementFor(stream: FilterStream): Requirement | undefined | "unknown" {
		const { name, named, rules, byState, random } = this.#on;
		const own = stream.routeConfig(name) as RouteRule | undefined;
		if (own?.kind === "off") return undefined;
		if (own) return named.get(own.name) ?? this.#refuseName(own.name, stream);
		const input = new MatchInput(stream.request, { random, info: stream.info });
		const rule = rules.find(({ condition }) => condition.matches(input));
		if (rule) return rule.requirement;
		const state = byState && stream.info.filterState.get(byState.key);
		return typeof state === "string" ? byState?.requirements.get(state) : undefined;
	}

	#refuseName(name: string, stream: FilterStream): "unknown" {
		const { named, stripReason, denied } = this.#on;
		const known = [...named.keys()].sort().join(",");
		const reason = `Wrong requirement_name: ${name}. It should be one of [${known}]`;
		denied.inc();
		const body = stripReason ? "" : `Failed JWT authentication: ${reason}`;
		stream.sendLocalReply({ status: 403, body, details: detailsOf(reason) });
		return "unknown";
	}

	#allow(stream: FilterStream): void {
		this.#outcome = "allowed";
		this.#on.allowed.inc();
		if (this.#waiting) stream.continueDecoding(this);
	}

	#finish(status: JwtStatus, realm: string, stream: FilterStream): void {
		const { extracted, clearsRoute } = this.#verification!;
		if (Object.keys(extracted).length > 0)
			stream.info.dynamicMetadata.set(METADATA, { ...stream.info.dynamicMetadata.get(METADATA), ...extracted });
		if (clearsRoute) stream.clearRoute();
		if (status === JWT_STATUS.ok) {
			this.#allow(stream);
			return;
		}
		this.#outcome = "denied";
		this.#on.denied.inc();
		stream.sendLocalReply(denial(status, realm, this.#on.stripReason));
	}
}

function denial(status: JwtStatus, realm: string, stripped: boolean): LocalReply {
	const reply = { status: status === JWT_STATUS.audienceNotAllowed ? 403 : 401, details: detailsOf(status.text) };
	if (stripped) return { ...reply, body: "" };
	const error = status === JWT_STATUS.missing ? "" : ', error="invalid_token"';
	return { ...reply, body: status.text, headers: [["www-authenticate", `Bearer realm="${realm}"${error}`]] };
}

function detailsOf(reason: string): string {
	return `jwt_authn_access_denied{${reason.replace(/\s/g, "_")}}`;
}

function isPreflight({ method, headers }: RequestHead): boolean {
	return (
		method === "OPTIONS" && Boolean(headers.get("origin")) && Boolean(headers.get("access-control-request-method"))
	);
}
