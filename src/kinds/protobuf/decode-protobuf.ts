import type { KubeObject } from "../object.ts";
import { type MessageField, messageFields, messageOfKind } from "./message-table.ts";
import { ProtobufError } from "./protobuf-error.ts";
import { SPECIAL_MESSAGES } from "./special-messages.ts";
import { WireReader } from "./wire-reader.ts";

const MAGIC = [0x6b, 0x38, 0x73, 0x00]; // "k8s\0"
const MAX_DEPTH = 100;

type Json = Record<string, unknown>;

/**
 * Decodes a request body of type `application/vnd.kubernetes.protobuf` (apimachinery's envelope `runtime.Unknown` around
 * the kind's own message) to what the same client would have sent as JSON. Throws `ProtobufError`.
 */
export function decodeProtobuf(body: Uint8Array): KubeObject {
	if (MAGIC.some((byte, i) => body[i] !== byte))
		throw new ProtobufError('the body does not begin with "k8s" and a zero byte');
	const { apiVersion, kind, raw } = decodeEnvelope(new WireReader(body, MAGIC.length));
	const message = messageOfKind(apiVersion, kind);
	if (message === undefined) throw new ProtobufError(`no protobuf form is known for ${kind} in version ${apiVersion}`);
	const object = decodeMessage(message, new WireReader(raw), 0);
	return { apiVersion, kind, ...object } as KubeObject;
}

function decodeEnvelope(reader: WireReader): { apiVersion: string; kind: string; raw: Uint8Array } {
	const envelope = { apiVersion: "", kind: "", raw: new Uint8Array() };
	while (!reader.done) {
		const { field, wireType } = reader.tag();
		if (field === 1 && wireType === 2) Object.assign(envelope, decodeTypeMeta(reader.nested()));
		else if (field === 2 && wireType === 2) envelope.raw = reader.bytes() as Uint8Array<ArrayBuffer>;
		else reader.skip(wireType);
	}
	return envelope;
}

function decodeTypeMeta(reader: WireReader): { apiVersion?: string; kind?: string } {
	const typeMeta: { apiVersion?: string; kind?: string } = {};
	while (!reader.done) {
		const { field, wireType } = reader.tag();
		if (field === 1 && wireType === 2) typeMeta.apiVersion = reader.text();
		else if (field === 2 && wireType === 2) typeMeta.kind = reader.text();
		else reader.skip(wireType);
	}
	return typeMeta;
}

function decodeMessage(name: string, reader: WireReader, depth: number): Json {
	if (depth > MAX_DEPTH) throw new ProtobufError("message is nested too deeply");
	const fields = messageFields(name);
	const object: Json = {};
	while (!reader.done) {
		const { field: number, wireType } = reader.tag();
		const field = fields.get(number);
		if (field) decodeField(object, field, wireType, { reader, depth });
		else reader.skip(wireType);
	}
	return object;
}

interface Cursor {
	readonly reader: WireReader;
	readonly depth: number;
}

function decodeField(object: Json, field: MessageField, wireType: number, cursor: Cursor): void {
	if (field.container === "{}") {
		addEntry(object, field, cursor);
		return;
	}
	const value = decodeValue(field, wireType, cursor);
	if (field.container === "[]") {
		object[field.jsonName] ??= [];
		const list = object[field.jsonName] as unknown[];
		if (Array.isArray(value) && field.scalar !== "m") list.push(...value);
		else list.push(value);
	} else if (field.jsonName === "") {
		Object.assign(object, value);
	} else if (value !== undefined && !(field.dropZero && isZero(value))) {
		object[field.jsonName] = value;
	}
}

function isZero(value: unknown): boolean {
	return value === "" || value === 0 || value === false;
}

const WIRE_TYPE: Readonly<Record<MessageField["scalar"], number>> = { s: 2, i: 0, b: 0, d: 1, y: 2, m: 2 };

function decodeValue(field: MessageField, wireType: number, cursor: Cursor): unknown {
	const { reader } = cursor;
	if (wireType !== WIRE_TYPE[field.scalar]) {
		if (wireType === 2 && field.container === "[]") return decodePacked(field, reader.nested());
		throw new ProtobufError(`field ${field.jsonName} has wire type ${wireType}`);
	}
	switch (field.scalar) {
		case "s":
			return reader.text();
		case "i":
			return Number(BigInt.asIntN(64, reader.varint()));
		case "b":
			return reader.varint() !== 0n;
		case "d":
			return reader.double();
		case "y":
			return toBase64(reader.bytes());
		case "m":
			return decodeReference(field.reference, reader.nested(), cursor.depth);
	}
}

function decodePacked(field: MessageField, reader: WireReader): unknown[] {
	const list: unknown[] = [];
	while (!reader.done)
		list.push(decodeValue({ ...field, container: "" }, WIRE_TYPE[field.scalar], { reader, depth: 0 }));
	return list;
}

function decodeReference(reference: string, reader: WireReader, depth: number): unknown {
	const special = SPECIAL_MESSAGES[reference];
	return special ? special(reader) : decodeMessage(reference, reader, depth + 1);
}

const ZERO: Readonly<Record<MessageField["scalar"], () => unknown>> = {
	s: () => "",
	i: () => 0,
	b: () => false,
	d: () => 0,
	y: () => "",
	m: () => ({}),
};

/** A map entry is a message `{1: key, 2: value}`; a part that is missing is the zero value. */
function addEntry(object: Json, field: MessageField, cursor: Cursor): void {
	const reader = cursor.reader.nested();
	object[field.jsonName] ??= {};
	const map = object[field.jsonName] as Json;
	const valueField: MessageField = { ...field, container: "" };
	let key = "";
	let value: unknown;
	while (!reader.done) {
		const { field: number, wireType } = reader.tag();
		if (number === 1 && wireType === 2) key = reader.text();
		else if (number === 2) value = decodeValue(valueField, wireType, { reader, depth: cursor.depth });
		else reader.skip(wireType);
	}
	Object.defineProperty(map, key, {
		value: value ?? (field.reference.endsWith("time") ? null : ZERO[field.scalar]()), // a zero time is null in JSON
		enumerable: true,
		configurable: true,
		writable: true,
	});
}

function toBase64(bytes: Uint8Array): string {
	let binary = "";
	for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
	return btoa(binary);
}
