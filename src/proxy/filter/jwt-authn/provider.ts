import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { DataSource } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type {
	JwtClaimToHeader,
	JwtProvider,
} from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import { valueAtPath } from "../../router/match/value-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { encodeBase64, padBase64, utf8AsLatin1 } from "./base64.ts";
import { isKeySet, type JwkSet, parseJwks, verifySignature } from "./jwks.ts";
import type { JsonStruct, Jwt } from "./jwt.ts";
import type { JwtCrypto } from "./jwt-crypto.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";
import { compileRemoteKeys, type KeySource, type RemoteKeysDeps } from "./remote-keys.ts";
import { TokenCache } from "./token-cache.ts";
import { compileTokenLocations, type TokenLocations } from "./token-locations.ts";

const DEFAULT_CLOCK_SKEW_S = 60;

/** A compiled provider. */
export interface Provider {
	readonly issuer: string;
	readonly locations: TokenLocations;
	readonly keys: KeySource;
	/** Tokens whose signature was verified with the keys of now. */
	readonly verified: TokenCache;
	/** The configuration asks for a cache, so its hits are counted. */
	readonly countsCache: boolean;
	/** Everything but the signature, at this time (epoch seconds); `audiences` takes the place of the provider's own. */
	checkClaims(jwt: Jwt, nowS: number, audiences: Audiences | undefined): JwtStatus;
	verifySignature(jwt: Jwt, keys: JwkSet): JwtStatus;
	/** What the upstream is told of a good token, as headers. */
	headersFor(jwt: Jwt): readonly (readonly [string, string])[];
	/** What goes into dynamic metadata of a good token. */
	metadataFor(jwt: Jwt): readonly (readonly [string, JsonStruct])[];
	readonly failedStatusKey: string;
	readonly forward: boolean;
	/** The route is looked up anew after a good token: its match may depend on claims. */
	readonly clearsRoute: boolean;
}

/** A set of audiences, one of which a token must have; empty: any. */
export interface Audiences {
	allow(audiences: readonly string[]): boolean;
}

export function compileAudiences(wanted: readonly string[]): Audiences {
	const set = new Set(wanted.map(bareAudience));
	return { allow: (audiences) => set.size === 0 || audiences.some((audience) => set.has(bareAudience(audience))) };
}

/** Scheme and last slash do not count. */
function bareAudience(audience: string): string {
	return audience.replace(/^https?:\/\//, "").replace(/\/$/, "");
}

/** Compiles one provider; `deps.crypto` reads the keys. */
export function compileProvider(
	config: JwtProvider,
	at: FieldPath,
	problems: ProblemList,
	deps: RemoteKeysDeps,
): Provider {
	const audiences = compileAudiences(config.audiences);
	const allowsSubject = config.subjects && compileStringMatcher(config.subjects, at.field("subjects"), problems);
	const skewS = config.clockSkewSeconds || DEFAULT_CLOCK_SKEW_S;
	const maxLifetimeS = lifetimeOf(config);
	const headers = compileHeaders(config, at, problems);
	const cache = config.jwtCacheConfig;
	return {
		issuer: config.issuer,
		locations: compileTokenLocations([config]),
		keys: compileKeys(config, at, problems, deps),
		verified: new TokenCache(cache?.jwtCacheSize || undefined, cache?.jwtMaxTokenSize || undefined),
		countsCache: cache !== undefined,
		checkClaims(jwt, nowS, ownAudiences) {
			if (nowS + skewS < jwt.notBefore) return JWT_STATUS.notYetValid;
			if (jwt.expires > 0 && nowS > jwt.expires + skewS) return JWT_STATUS.expired;
			if (!(ownAudiences ?? audiences).allow(jwt.audiences)) return JWT_STATUS.audienceNotAllowed;
			if (allowsSubject && !allowsSubject(jwt.subject)) return JWT_STATUS.verificationFails;
			const tooLong = maxLifetimeS !== undefined && (jwt.expires === 0 || jwt.expires - nowS >= maxLifetimeS);
			return tooLong ? JWT_STATUS.verificationFails : JWT_STATUS.ok;
		},
		verifySignature: (jwt, keys) => verifySignature(jwt, keys, deps.crypto),
		headersFor: headers,
		metadataFor: compileMetadata(config),
		failedStatusKey: config.failedStatusInMetadata,
		forward: config.forward,
		clearsRoute: config.clearRouteCache && (config.claimToHeaders.length > 0 || config.payloadInMetadata !== ""),
	};
}

/** Seconds that a token may still live; Infinity: any, but it must say until when; undefined: no limit. */
function lifetimeOf({ maxLifetime, requireExpiration }: JwtProvider): number | undefined {
	if (maxLifetime) return durationMs(maxLifetime) / 1000;
	return requireExpiration ? Number.POSITIVE_INFINITY : undefined;
}

function compileKeys(config: JwtProvider, at: FieldPath, problems: ProblemList, deps: RemoteKeysDeps): KeySource {
	const { jwksSourceSpecifier: source } = config;
	if (source.case === "remoteJwks") return compileRemoteKeys(source.value, at.field("remote_jwks"), problems, deps);
	if (source.case === undefined) {
		problems.add("missing", at, "the provider has no keys", "set local_jwks or remote_jwks");
		return fixedKeys({ keys: [] });
	}
	return fixedKeys(readLocalKeys(source.value, at.field("local_jwks"), problems, deps.crypto));
}

function fixedKeys(keys: JwkSet): KeySource {
	return {
		current: () => keys,
		fetch() {
			throw new Error("keys of the configuration are always there");
		},
	};
}

function readLocalKeys(source: DataSource, at: FieldPath, problems: ProblemList, crypto: JwtCrypto): JwkSet {
	const text = inlineText(source);
	if (text === undefined) {
		problems.notImplemented(at, "a key set that is not inline");
		return { keys: [] };
	}
	const keys = parseJwks(text, crypto);
	if (isKeySet(keys)) return keys;
	problems.add("invalid", at, `the key set is invalid: ${keys.text}`);
	return { keys: [] };
}

function inlineText({ specifier }: DataSource): string | undefined {
	if (specifier.case === "inlineString") return specifier.value;
	return specifier.case === "inlineBytes" ? new TextDecoder().decode(specifier.value) : undefined;
}

function compileHeaders(config: JwtProvider, at: FieldPath, problems: ProblemList): Provider["headersFor"] {
	const payloadHeader = config.forwardPayloadHeader.toLowerCase();
	const pads = config.padForwardPayloadHeader;
	const claims = config.claimToHeaders.map((claim, i) =>
		compileClaim(claim, at.field("claim_to_headers").index(i), problems),
	);
	return (jwt) => {
		const headers: (readonly [string, string])[] = [];
		if (payloadHeader !== "") headers.push([payloadHeader, pads ? padBase64(jwt.payloadText) : jwt.payloadText]);
		for (const { header, path } of claims) {
			const text = claimText(valueAtPath(jwt.payload, path));
			if (text !== "") headers.push([header, text]);
		}
		return headers;
	};
}

function compileClaim(
	claim: JwtClaimToHeader,
	at: FieldPath,
	problems: ProblemList,
): { header: string; path: readonly string[] } {
	const byPath = claim.claimPath.length > 0;
	if (claim.headerName === "") problems.add("missing", at.field("header_name"), "the header has no name");
	if (claim.claimName === "" && !byPath) problems.add("missing", at.field("claim_name"), "the claim has no name");
	if (claim.claimName !== "" && byPath)
		problems.add("invalid", at.field("claim_path"), "claim_name and claim_path exclude each other");
	const path = byPath ? claim.claimPath.map(({ key }) => key) : claim.claimName.split(".");
	return { header: claim.headerName.toLowerCase(), path };
}

/** A claim as a header's value; "" for what is not told. Objects and lists are base64 of their JSON. */
function claimText(value: unknown): string {
	switch (typeof value) {
		case "string":
			return utf8AsLatin1(value).replace(/[\r\n\0]/g, " ");
		case "number":
			return Number.isInteger(value) && value >= 0 && value < 2 ** 64 ? BigInt(value).toString() : value.toFixed(6);
		case "boolean":
			return String(value);
		case "object":
			return value === null ? "" : encodeBase64(JSON.stringify(withSortedKeys(value)));
		default:
			return "";
	}
}

function withSortedKeys(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(withSortedKeys);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(entries.map(([key, inner]) => [key, withSortedKeys(inner)]));
}

function compileMetadata(config: JwtProvider): Provider["metadataFor"] {
	const { payloadInMetadata, headerInMetadata } = config;
	const splitClaims = config.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [];
	return (jwt) => {
		const entries: (readonly [string, JsonStruct])[] = [];
		if (headerInMetadata !== "") entries.push([headerInMetadata, jwt.header]);
		if (payloadInMetadata !== "") entries.push([payloadInMetadata, normalised(jwt.payload, splitClaims)]);
		return entries;
	};
}

/** Claims that hold words between spaces become lists of the words. */
function normalised(payload: JsonStruct, claims: readonly string[]): JsonStruct {
	if (claims.length === 0) return payload;
	const copy = { ...payload };
	for (const claim of claims) {
		const value = Object.hasOwn(copy, claim) ? copy[claim] : undefined;
		if (typeof value === "string") copy[claim] = value.split(/\s+/).filter((word) => word !== "");
	}
	return copy;
}
