import { isGrpc } from "../http/grpc-status.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { SideCall, SideCalls, SideOutcome } from "../http/side-calls.ts";

/** gRPC status codes that a call can end with here. */
const STATUS = { ok: 0, unknown: 2, deadlineExceeded: 4, resourceExhausted: 8, internal: 13, unavailable: 14 } as const;

/** One message to a gRPC service and one back. */
export interface GrpcCall {
	readonly cluster: string;
	/** Empty: the cluster's name. */
	readonly authority: string;
	/** `/package.Service/Method`. */
	readonly path: string;
	readonly message: Uint8Array;
	/** 0: none. */
	readonly timeoutMs: number;
	/** Metadata beside what gRPC needs. */
	readonly metadata: readonly (readonly [string, string])[];
}

/** The answer's message, or why there is none. */
export type GrpcOutcome =
	| { readonly kind: "message"; readonly message: Uint8Array }
	| { readonly kind: "failed"; readonly status: number; readonly detail: string };

const FRAME_HEAD = 5;
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Calls a method without streams (gRPC over HTTP/2): frames the message, reads status and message of the answer. */
export function callUnary(calls: SideCalls, call: GrpcCall, done: (outcome: GrpcOutcome) => void): SideCall {
	const headers = HeaderMap.of(["te", "trailers"], ["content-type", "application/grpc"]);
	if (call.timeoutMs > 0) headers.append("grpc-timeout", `${Math.ceil(call.timeoutMs)}m`);
	for (const [name, value] of call.metadata) headers.append(name.toLowerCase(), value);
	const request = {
		cluster: call.cluster,
		method: "POST",
		path: call.path,
		authority: call.authority || call.cluster,
		headers,
		body: frame(call.message),
		timeoutMs: call.timeoutMs,
		maxBodyBytes: MAX_MESSAGE_BYTES + FRAME_HEAD,
	};
	return calls.call(request, (outcome) => done(readOutcome(outcome)));
}

function frame(message: Uint8Array): Uint8Array {
	const framed = new Uint8Array(FRAME_HEAD + message.length);
	new DataView(framed.buffer).setUint32(1, message.length);
	framed.set(message, FRAME_HEAD);
	return framed;
}

function failed(status: number, detail: string): GrpcOutcome {
	return { kind: "failed", status, detail };
}

const STATUS_OF_FAILURE: Readonly<Record<Extract<SideOutcome, { kind: "failed" }>["reason"], number>> = {
	"no-cluster": STATUS.unavailable,
	"no-healthy-upstream": STATUS.unavailable,
	unavailable: STATUS.unavailable,
	reset: STATUS.internal,
	timeout: STATUS.deadlineExceeded,
	"too-large": STATUS.resourceExhausted,
};

function readOutcome(outcome: SideOutcome): GrpcOutcome {
	if (outcome.kind === "failed") return failed(STATUS_OF_FAILURE[outcome.reason], outcome.detail || outcome.reason);
	if (outcome.status !== 200) return failed(STATUS.unavailable, `HTTP status ${outcome.status}`);
	if (!isGrpc(outcome.headers.get("content-type"))) return failed(STATUS.unknown, "the answer is not gRPC");
	// A failure without a message has its status in the head.
	const last = outcome.trailers?.has("grpc-status") ? outcome.trailers : outcome.headers;
	const status = last.get("grpc-status");
	if (status === undefined || !/^\d{1,3}$/.test(status)) return failed(STATUS.unknown, "the answer has no gRPC status");
	if (status !== "0") return failed(Number(status), last.get("grpc-message") ?? "");
	return readFrame(outcome.body);
}

function readFrame(body: Uint8Array): GrpcOutcome {
	if (body.length < FRAME_HEAD || body[0] !== 0)
		return failed(STATUS.internal, "the answer is not one uncompressed message");
	const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
	if (body.length !== FRAME_HEAD + length) return failed(STATUS.internal, "the answer's message has another length");
	return { kind: "message", message: body.subarray(FRAME_HEAD) };
}
