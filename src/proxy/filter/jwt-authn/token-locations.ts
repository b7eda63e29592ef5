import type { JwtProvider } from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import type { RequestHead } from "../../http/message.ts";
import { changeQuery, parseDecodedQuery } from "../query-parameters.ts";

/** A token as found in a request. */
export interface FoundToken {
	readonly text: string;
	/** Issuers whose provider looks in this place; undefined: any. */
	readonly issuers: ReadonlySet<string> | undefined;
	/** Takes the token off the request, so that it is not forwarded. */
	remove(request: RequestHead): void;
}

/** Where providers look for tokens, and which headers only this filter may write. */
export interface TokenLocations {
	find(request: RequestHead): FoundToken[];
	/** Headers that the filter sets from claims: what a client says there is not believed. */
	readonly ownHeaders: readonly string[];
}

interface Place {
	readonly name: string;
	/** Of headers. */
	readonly prefix: string;
	readonly issuers: Set<string>;
	anyIssuer: boolean;
}

type Places = Map<string, Place>;

type ProviderFields = Pick<
	JwtProvider,
	"issuer" | "fromHeaders" | "fromParams" | "fromCookies" | "forwardPayloadHeader" | "claimToHeaders"
>;

/** Joins the places of some providers; each is looked at once. */
export function compileTokenLocations(providers: readonly ProviderFields[]): TokenLocations {
	const headers: Places = new Map();
	const parameters: Places = new Map();
	const cookies: Places = new Map();
	const ownHeaders = new Set<string>();
	for (const provider of providers) {
		const { issuer } = provider;
		const { fromHeaders, fromParams, fromCookies } = placesOf(provider);
		for (const { name, valuePrefix } of fromHeaders) addPlace(headers, name.toLowerCase(), valuePrefix, issuer);
		for (const name of fromParams) addPlace(parameters, name, "", issuer);
		for (const name of fromCookies) addPlace(cookies, name, "", issuer);
		if (provider.forwardPayloadHeader !== "") ownHeaders.add(provider.forwardPayloadHeader.toLowerCase());
		for (const { headerName } of provider.claimToHeaders) ownHeaders.add(headerName.toLowerCase());
	}
	const places = { headers: sorted(headers), parameters: sorted(parameters), cookies: sorted(cookies) };
	return {
		ownHeaders: [...ownHeaders],
		find: (request) => [
			...places.headers.flatMap((place) => fromHeader(place, request)),
			...fromQuery(places.parameters, request),
			...fromCookie(places.cookies, request),
		],
	};
}

/** Without any of its own a provider has the customary places (RFC 6750). */
function placesOf(provider: ProviderFields) {
	const { fromHeaders, fromParams, fromCookies } = provider;
	if (fromHeaders.length + fromParams.length + fromCookies.length > 0) return { fromHeaders, fromParams, fromCookies };
	return {
		fromHeaders: [{ name: "authorization", valuePrefix: "Bearer " }],
		fromParams: ["access_token"],
		fromCookies: [],
	};
}

function addPlace(places: Places, name: string, prefix: string, issuer: string): void {
	const key = name + prefix;
	const place = places.get(key) ?? { name, prefix, issuers: new Set(), anyIssuer: false };
	if (issuer === "") place.anyIssuer = true;
	else place.issuers.add(issuer);
	places.set(key, place);
}

/** Envoy keeps places in the order of their names. */
function sorted(places: Places): Place[] {
	return [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
}

const issuersOf = (place: Place) => (place.anyIssuer ? undefined : place.issuers);

const TOKEN_START = /[A-Za-z0-9\-_.]/;

function fromHeader(place: Place, { headers }: RequestHead): FoundToken[] {
	if (!headers.has(place.name)) return [];
	// As Envoy, which joins several of this one: two credentials in one request are none.
	const values = place.name === "authorization" ? [headers.getJoined(place.name)!] : headers.getAll(place.name);
	return values.flatMap((value) => {
		const text = textAfter(value, place.prefix);
		if (text === undefined) return [];
		return [{ text, issuers: issuersOf(place), remove: (request) => request.headers.remove(place.name) }];
	});
}

/** What follows the prefix, wherever that stands, from the first character that a token can have; undefined without the prefix. */
function textAfter(value: string, prefix: string): string | undefined {
	if (prefix === "") return value;
	const at = value.indexOf(prefix);
	if (at < 0) return undefined;
	const rest = value.slice(at + prefix.length);
	const start = rest.search(TOKEN_START);
	return start < 0 ? value : rest.slice(start);
}

function fromQuery(places: readonly Place[], { path }: RequestHead): FoundToken[] {
	if (places.length === 0 || !path.includes("?")) return [];
	const parameters = parseDecodedQuery(path);
	return places.flatMap((place) => {
		const text = parameters.get(place.name)?.[0];
		if (text === undefined) return [];
		const remove = (request: RequestHead) => {
			request.path = changeQuery(request.path, [place.name]);
		};
		return [{ text, issuers: issuersOf(place), remove }];
	});
}

/** Tokens in cookies are always forwarded, as by Envoy. */
function fromCookie(places: readonly Place[], { headers }: RequestHead): FoundToken[] {
	if (places.length === 0 || !headers.has("cookie")) return [];
	const pairs = headers.getAll("cookie").flatMap((value) => value.split(";"));
	return places.flatMap((place) => {
		const pair = pairs.find((text) => text.trimStart().startsWith(`${place.name}=`));
		if (pair === undefined) return [];
		const text = unquoted(pair.slice(pair.indexOf("=") + 1).trim());
		return [{ text, issuers: issuersOf(place), remove: () => undefined }];
	});
}

function unquoted(text: string): string {
	return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}
