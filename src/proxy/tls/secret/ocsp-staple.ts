import type { X509Certificate } from "node:crypto";
import type { FieldPath } from "../../../lib/field-path.ts";
import { DER, type DerElement, readDer, readTime } from "../verify/der.ts";
import type { SecretReading } from "./data-source.ts";

/** An OCSP response (RFC 6960) that a server shows with its certificate. */
export interface OcspStaple {
	readonly der: Buffer;
	/** When it is out of date; undefined: it says nothing of newer ones, which counts as out of date (Envoy). */
	readonly nextUpdateMs: number | undefined;
}

const SUCCESSFUL = 0;
const NEXT_UPDATE = 0xa0;
const RESPONSE_BYTES = 0xa0;

/** Reads a staple for a certificate; undefined when it is broken or another certificate's, which is then told. */
export function readStaple(
	der: Buffer,
	leaf: X509Certificate,
	at: FieldPath,
	{ problems }: SecretReading,
): OcspStaple | undefined {
	let answer: SingleResponse;
	try {
		answer = singleResponse(der);
	} catch (error) {
		problems.add("material", at, `the OCSP response cannot be read (${(error as Error).message})`);
		return undefined;
	}
	if (plainSerial(answer.serial) !== plainSerial(leaf.serialNumber)) {
		problems.add("material", at, "the OCSP response does not match its TLS certificate");
		return undefined;
	}
	return { der, nextUpdateMs: answer.nextUpdateMs };
}

interface SingleResponse {
	readonly serial: string;
	readonly nextUpdateMs: number | undefined;
}

/** RFC 6960 4.2.1: one certificate's status. */
function singleResponse(der: Buffer): SingleResponse {
	const [status, bytes] = inside(readDer(der)[0]);
	if (status?.content[0] !== SUCCESSFUL || bytes?.tag !== RESPONSE_BYTES)
		throw new Error("it does not say that it is successful");
	const basic = inside(inside(bytes)[0])[1];
	const data = inside(readDer(basic!.content)[0])[0];
	// Version, responder and instant come before.
	const responses = inside(data).find(({ tag }) => tag === DER.sequence);
	const [single, second] = inside(responses);
	if (!single || second) throw new Error("it is not about exactly one certificate");
	const [id, , , next] = inside(single);
	const serial = inside(id).find(({ tag }) => tag === DER.integer);
	return {
		serial: serial!.content.toString("hex"),
		nextUpdateMs: next?.tag === NEXT_UPDATE ? readTime(readDer(next.content)[0]!) : undefined,
	};
}

function inside(element: DerElement | undefined): DerElement[] {
	if (!element) throw new Error("it is cut short");
	return readDer(element.content);
}

function plainSerial(hex: string): string {
	return hex.toLowerCase().replace(/^0+/, "");
}
