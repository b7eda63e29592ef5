import type { CodecError } from "../codec/codec-error.ts";
import type { LocalReply, ResponseFlag } from "../http/message.ts";
import type { AttemptFailure } from "../router/retry.ts";

/** How an attempt failed before its response began, with all that is said about it. */
export interface Failure {
	readonly kind: AttemptFailure | "max-duration" | "remote-reset" | "connect-error" | "protocol-error";
	/** Envoy's words for a failed connection; empty when there are none. */
	readonly transport: string;
	readonly error: CodecError | undefined;
}

interface Wording {
	readonly status: number;
	readonly flag: ResponseFlag;
	/** As in Envoy's body text. */
	readonly reason: string;
}

const CONNECT: Wording = { status: 503, flag: "UF", reason: "remote connection failure" };
const TERMINATED: Wording = { status: 503, flag: "UC", reason: "connection termination" };

/** Envoy's status, flag and words per failure (its router's `onUpstreamReset` and the texts of `resetReasonToString`). */
const WORDINGS: Readonly<Record<Failure["kind"], Wording>> = {
	"connect-failure": CONNECT,
	"connect-timeout": { ...CONNECT, reason: "connection timeout" },
	"reset-before-request": TERMINATED,
	reset: TERMINATED,
	"remote-reset": { status: 503, flag: "UR", reason: "remote reset" },
	"connect-error": { status: 503, flag: "UR", reason: "remote error with CONNECT request" },
	"refused-stream": { status: 503, flag: "UR", reason: "remote refused stream reset" },
	"per-try-timeout": { status: 504, flag: "UT", reason: "" },
	"per-try-idle-timeout": { status: 504, flag: "UT", reason: "" },
	"max-duration": { status: 504, flag: "UMSDR", reason: "" },
	overflow: { status: 503, flag: "UO", reason: "overflow" },
	"protocol-error": { status: 502, flag: "UPE", reason: "protocol error" },
};

const TIMEOUT_BODY = "upstream request timeout";
const DURATION_BODY = "upstream max stream duration reached";
const DURATION_DETAILS = "upstream_max_stream_duration_reached";

/** The answer to a request whose last attempt failed. */
export function failureReply(failure: Failure, retried: boolean): LocalReply {
	const { status, flag, reason } = WORDINGS[failure.kind];
	if (failure.kind === "per-try-timeout")
		return { status, flag, body: TIMEOUT_BODY, details: "upstream_per_try_timeout" };
	if (failure.kind === "per-try-idle-timeout")
		return { status, flag, body: TIMEOUT_BODY, details: "upstream_per_try_idle_timeout" };
	if (failure.kind === "max-duration") return { status, flag, body: DURATION_BODY, details: DURATION_DETAILS };
	const latest = retried ? "retried and the latest " : "";
	const reply = {
		status,
		flag,
		body: `upstream connect error or disconnect/reset before headers. ${latest}reset reason: ${reason}${transportText(failure)}`,
		details: `upstream_reset_before_response_started{${asDetail(reason)}${transportDetail(failure)}}`,
	};
	return failure.kind === "overflow" ? { ...reply, headers: [["x-envoy-overloaded", "true"]] } : reply;
}

/** Flag and details of an attempt that failed after its response had begun. */
export function cutShort({ kind }: Failure): { readonly flag: ResponseFlag; readonly details: string } {
	const { flag, reason } = WORDINGS[kind];
	if (kind === "max-duration") return { flag, details: DURATION_DETAILS };
	if (kind === "per-try-idle-timeout") return { flag, details: "upstream_per_try_idle_timeout" };
	return { flag, details: `upstream_reset_after_response_started{${asDetail(reason)}}` };
}

/** What a retry policy is asked about a failure. */
export function retriedAs(kind: Failure["kind"]): AttemptFailure {
	switch (kind) {
		case "remote-reset":
		case "connect-error":
		case "protocol-error":
		case "max-duration":
			return "reset";
		default:
			return kind;
	}
}

/** %UPSTREAM_TRANSPORT_FAILURE_REASON% of a failed connection. */
function transportFailureReason(failure: Failure): string {
	return failure.transport === "" ? "" : asDetail(failure.transport);
}

/** The whole request, retries included, took too long. */
export const TIMEOUT_REPLY: LocalReply = {
	status: 504,
	flag: "UT",
	body: TIMEOUT_BODY,
	details: "response_timeout",
};

/** A timeout's answer; with `alt` 204 in place of 504, which clients may ask for (x-envoy-upstream-rq-timeout-alt-response). */
export function timeoutReply(reply: LocalReply, alt: boolean): LocalReply {
	return alt && reply.flag === "UT" ? { ...reply, status: 204, body: "" } : reply;
}

/** 200 is no answer to a WebSocket handshake: what comes behind it is not for the client. */
export const NO_WEBSOCKET: LocalReply = { status: 200, body: "", details: "websocket_handshake_unsuccessful" };

/** The body outgrew what is kept of it while no attempt was under way. */
export const TOO_LARGE_TO_RETRY: LocalReply = {
	status: 507,
	body: "exceeded request buffer limit while retrying upstream",
	details: "request_payload_exceeded_retry_buffer_limit",
};

export const NO_HEALTHY_UPSTREAM: LocalReply = {
	status: 503,
	flag: "UH",
	body: "no healthy upstream",
	details: "no_healthy_upstream",
};

/** The endpoints' policy drops a share of all requests (`drop_overloads`). */
export const DROP_OVERLOAD: LocalReply = {
	status: 503,
	flag: "DO",
	body: "drop overload",
	details: "drop_overload",
	headers: [["x-envoy-drop-overload", "true"]],
};

/** All requests are dropped (`drop_overloads` of 100 %). */
export const UNCONDITIONAL_DROP: LocalReply = {
	status: 503,
	flag: "UDO",
	body: "unconditional drop overload",
	details: "unconditional_drop_overload",
	headers: [["x-envoy-unconditional-drop-overload", "true"]],
};

/** As Envoy said it until 1.35 (since then only with a runtime flag): it tells users what to look at. */
function transportText({ transport }: Failure): string {
	return transport === "" ? "" : `, transport failure reason: ${transport}`;
}

function transportDetail(failure: Failure): string {
	const reason = transportFailureReason(failure);
	return reason === "" ? "" : `|${reason}`;
}

function asDetail(text: string): string {
	return text.replaceAll(" ", "_");
}
