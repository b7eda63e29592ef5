import { knownName } from "../../codec/known-names.ts";

/** What a field is to the rules of RFC 9113 section 8. */
export const FIELD = {
	regular: 0,
	method: 1,
	scheme: 2,
	authority: 3,
	path: 4,
	protocol: 5,
	status: 6,
	host: 7,
	cookie: 8,
	contentLength: 9,
	te: 10,
	/** Belongs to HTTP/1 connections; may not come over HTTP/2. */
	connectionSpecific: 11,
	/** Name or value hold what they may not. */
	malformed: 12,
} as const;

export type FieldKind = (typeof FIELD)[keyof typeof FIELD];

const KINDS = new Map<string, FieldKind>([
	[":method", FIELD.method],
	[":scheme", FIELD.scheme],
	[":authority", FIELD.authority],
	[":path", FIELD.path],
	[":protocol", FIELD.protocol],
	[":status", FIELD.status],
	["host", FIELD.host],
	["cookie", FIELD.cookie],
	["content-length", FIELD.contentLength],
	["te", FIELD.te],
	["connection", FIELD.connectionSpecific],
	["keep-alive", FIELD.connectionSpecific],
	["proxy-connection", FIELD.connectionSpecific],
	["transfer-encoding", FIELD.connectionSpecific],
	["upgrade", FIELD.connectionSpecific],
]);

/** RFC 7541 4.1: what an entry counts beyond its characters. */
export const FIELD_OVERHEAD = 32;

/**
 * One decoded field. What there is to know of it is found out when it comes as a literal; each later reference to it in the dynamic table
 * costs nothing.
 */
export class HpackField {
	readonly name: string;
	readonly value: string;
	readonly kind: FieldKind;
	/** Bit of `SEEN` (codec/known-names.ts). */
	readonly seen: number;
	readonly size: number;

	constructor(name: string, value: string, kind: FieldKind, seen: number) {
		this.name = name;
		this.value = value;
		this.kind = kind;
		this.seen = seen;
		this.size = name.length + value.length + FIELD_OVERHEAD;
	}
}

/** Reads a literal's name; the field without a value stands for the name in what follows. */
export function fieldOfName(raw: string, value: string): HpackField {
	const kind = KINDS.get(raw);
	if (kind === undefined && !isFieldName(raw)) return new HpackField(raw, value, FIELD.malformed, 0);
	const { name, bit } = knownName(raw);
	return new HpackField(name, value, isFieldValue(value) ? (kind ?? FIELD.regular) : FIELD.malformed, bit);
}

/** A field with the name of another one. */
export function fieldWithValue(named: HpackField, value: string): HpackField {
	if (!isFieldValue(value)) return new HpackField(named.name, value, FIELD.malformed, named.seen);
	// The other one may be malformed because of its value.
	if (named.kind === FIELD.malformed) return fieldOfName(named.name, value);
	return new HpackField(named.name, value, named.kind, named.seen);
}

/** 1 for the characters of a field name: those of a token without upper case (RFC 9113 8.2.1). */
const IN_NAME = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") IN_NAME[c.charCodeAt(0)] = 1;

function isFieldName(name: string): boolean {
	for (let i = 0; i < name.length; i++) if (IN_NAME[name.charCodeAt(i)] !== 1) return false;
	return name.length > 0;
}

const SPACE = 32;
const TAB = 9;
const DEL = 127;

/** No control characters (stricter than RFC 9113 8.2.1, as strict as HTTP/1 is read here), no blank at either end. */
function isFieldValue(value: string): boolean {
	const { length } = value;
	if (length === 0) return true;
	if (value.charCodeAt(0) <= SPACE || value.charCodeAt(length - 1) <= SPACE) return false;
	for (let i = 0; i < length; i++) {
		const c = value.charCodeAt(i);
		if ((c < SPACE && c !== TAB) || c === DEL) return false;
	}
	return true;
}
