import { HeaderMap } from "../../http/header-map.ts";
import type { LocalReply, RequestHead } from "../../http/message.ts";

/** Stands for a request that could not be read. */
export function brokenRequest(): RequestHead {
	return {
		method: "",
		path: "",
		authority: "",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers: new HeaderMap(),
	};
}

export const LATE_HEAD: LocalReply = { status: 408, body: "request header timeout", details: "request_header_timeout" };
export const LATE_REQUEST: LocalReply = { status: 408, body: "request timeout", details: "request_overall_timeout" };
