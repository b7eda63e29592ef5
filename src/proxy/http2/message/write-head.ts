import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import type { HpackEncoder } from "../hpack/hpack-encoder.ts";

/** Fields that belong to HTTP/1 connections (RFC 9113 8.2.2); `host` travels as :authority. */
const NOT_SENT = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"]);

/** A request's block. With `upgrade` the HTTP/1 upgrade becomes an extended CONNECT (Envoy: transformUpgradeRequestFromH1toH2). */
export function encodeRequest(encoder: HpackEncoder, head: RequestHead, upgrade: string): string {
	const extended = upgrade !== "" && head.method !== "CONNECT";
	let block = encoder.begin();
	block += encoder.encode(":method", extended ? "CONNECT" : head.method);
	block += encoder.encode(":authority", head.authority);
	if (extended || head.method !== "CONNECT") {
		block += encoder.encode(":scheme", head.scheme) + encoder.encode(":path", head.path);
		if (extended) block += encoder.encode(":protocol", upgrade);
	}
	return block + encodeFields(encoder, head.headers, extended);
}

/** A response's block. An accepted upgrade is 200 here (RFC 8441 5). */
export function encodeResponse(encoder: HpackEncoder, status: number, headers: HeaderMap): string {
	const upgraded = status === 101;
	const start = encoder.begin() + encoder.encode(":status", upgraded ? "200" : statusText(status));
	return start + encodeFields(encoder, headers, upgraded);
}

export function encodeTrailers(encoder: HpackEncoder, trailers: HeaderMap): string {
	return encoder.begin() + encodeFields(encoder, trailers, false);
}

function encodeFields(encoder: HpackEncoder, { names, values }: HeaderMap, upgrade: boolean): string {
	let block = "";
	for (let i = 0; i < names.length; i++) {
		const name = names[i]!;
		if (NOT_SENT.has(name)) continue;
		const value = values[i]!;
		if (name === "te" && value !== "trailers") continue;
		// A tunnel has no length; HTTP/1 requests for an upgrade say 0.
		if (upgrade && name === "content-length" && value === "0") continue;
		block += encoder.encode(name, value);
	}
	return block;
}

const STATUS_TEXTS: string[] = [];

function statusText(status: number): string {
	STATUS_TEXTS[status] ??= String(status);
	return STATUS_TEXTS[status];
}
