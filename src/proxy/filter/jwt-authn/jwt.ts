import { decodeBase64Url } from "./base64.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";

export type JsonStruct = Readonly<Record<string, unknown>>;

/** The signature algorithms that there are (RFC 7518, 8037). */
export const JWT_ALGORITHMS = [
	...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
	...["ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA"],
] as const;

/** A token taken apart, nothing of it verified. */
export interface Jwt {
	readonly header: JsonStruct;
	readonly payload: JsonStruct;
	readonly alg: string;
	/** Empty: none. */
	readonly kid: string;
	readonly issuer: string;
	readonly subject: string;
	readonly audiences: readonly string[];
	/** Epoch seconds; 0: none. */
	readonly notBefore: number;
	readonly expires: number;
	/** Base64url as it came. */
	readonly payloadText: string;
	/** What is signed: header and payload as they came. */
	readonly signedText: string;
	readonly signature: Uint8Array;
}

/** Takes a token in compact form apart, or says what is wrong with it, in Envoy's order of checks. */
export function parseJwt(token: string): Jwt | JwtStatus {
	// Envoy skips empty sections before it counts.
	const sections = token.split(".").filter((section) => section !== "");
	if (sections.length !== 3) return JWT_STATUS.badFormat;
	const [headerText, payloadText, signatureText] = sections as [string, string, string];
	const header = parseStruct(headerText, JWT_STATUS.headerNotBase64, JWT_STATUS.headerNotJson);
	if (isStatus(header)) return header;
	const wrong = checkHeader(header.struct);
	if (wrong) return wrong;
	const payload = parseStruct(payloadText, JWT_STATUS.payloadNotBase64, JWT_STATUS.payloadNotJson);
	if (isStatus(payload)) return payload;
	const claims = payload.struct;
	const wrongClaim = checkClaims(claims);
	if (wrongClaim) return wrongClaim;
	const signature = decodeBase64Url(signatureText);
	if (!signature) return JWT_STATUS.signatureNotBase64;
	return {
		header: header.struct,
		payload: claims,
		alg: header.struct.alg as string,
		kid: (header.struct.kid as string | undefined) ?? "",
		issuer: (claims.iss as string | undefined) ?? "",
		subject: (claims.sub as string | undefined) ?? "",
		audiences: audiencesOf(claims.aud) ?? [],
		notBefore: Math.floor((claims.nbf as number | undefined) ?? 0),
		expires: Math.floor((claims.exp as number | undefined) ?? 0),
		payloadText,
		signedText: `${headerText}.${payloadText}`,
		signature,
	};
}

/** True for what `parseJwt` returns when the token is wrong. */
export function isStatus(value: object): value is JwtStatus {
	return "code" in value;
}

function parseStruct(text: string, notBase64: JwtStatus, notJson: JwtStatus): { struct: JsonStruct } | JwtStatus {
	const bytes = decodeBase64Url(text);
	if (!bytes) return notBase64;
	const struct = parseJsonObject(new TextDecoder().decode(bytes));
	return struct ? { struct } : notJson;
}

/** The object that a JSON text holds; undefined for any other text. */
export function parseJsonObject(text: string): JsonStruct | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonStruct) : undefined;
	} catch {
		// Not JSON: that is the answer.
		return undefined;
	}
}

function checkHeader({ alg, kid }: JsonStruct): JwtStatus | undefined {
	if (typeof alg !== "string") return JWT_STATUS.headerBadAlg;
	if (!(JWT_ALGORITHMS as readonly string[]).includes(alg)) return JWT_STATUS.algNotSupported;
	return kid !== undefined && typeof kid !== "string" ? JWT_STATUS.headerBadKid : undefined;
}

const notString = (value: unknown) => value !== undefined && typeof value !== "string";

function checkClaims(claims: JsonStruct): JwtStatus | undefined {
	if (notString(claims.iss)) return JWT_STATUS.issNotString;
	if (notString(claims.sub)) return JWT_STATUS.subNotString;
	return (
		checkTime(claims.iat, JWT_STATUS.iatNotNumber, JWT_STATUS.iatOutOfRange) ??
		checkTime(claims.nbf, JWT_STATUS.nbfNotNumber, JWT_STATUS.nbfOutOfRange) ??
		checkTime(claims.exp, JWT_STATUS.expNotNumber, JWT_STATUS.expOutOfRange) ??
		(notString(claims.jti) ? JWT_STATUS.jtiNotString : undefined) ??
		(audiencesOf(claims.aud) ? undefined : JWT_STATUS.audNotString)
	);
}

function checkTime(value: unknown, notNumber: JwtStatus, outOfRange: JwtStatus): JwtStatus | undefined {
	if (value === undefined) return undefined;
	if (typeof value !== "number") return notNumber;
	return value < 0 || value >= 2 ** 64 ? outOfRange : undefined;
}

function audiencesOf(aud: unknown): string[] | undefined {
	if (aud === undefined) return [];
	if (typeof aud === "string") return [aud];
	return Array.isArray(aud) && aud.every((item) => typeof item === "string") ? aud : undefined;
}
