import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderMap } from "../http/header-map.ts";
import type { SideOutcome } from "../http/side-calls.ts";
import { FakeSideCalls } from "./fake-side-calls.ts";
import { callUnary, type GrpcCall, type GrpcOutcome } from "./grpc-unary.ts";

const CALL: GrpcCall = {
	cluster: "authz",
	authority: "",
	path: "/test.Service/Ask",
	message: Uint8Array.of(1, 2, 3),
	timeoutMs: 0,
	metadata: [],
};

type Pairs = readonly (readonly [string, string])[];

interface Answer {
	readonly status?: number;
	readonly headers?: Pairs;
	readonly body?: readonly number[];
	readonly trailers?: Pairs;
}

const GRPC: Pairs = [["content-type", "application/grpc"]];
const FRAMED = [0, 0, 0, 0, 2, 7, 8];

function answer({ status = 200, headers = GRPC, body = FRAMED, trailers }: Answer): SideOutcome {
	return {
		kind: "answer",
		status,
		headers: HeaderMap.of(...headers),
		body: Uint8Array.from(body),
		trailers: trailers && HeaderMap.of(...trailers),
	};
}

function outcomeOf(outcome: SideOutcome): GrpcOutcome {
	const calls = new FakeSideCalls();
	let seen: GrpcOutcome | undefined;
	callUnary(calls, CALL, (result) => {
		seen = result;
	});
	calls.answer(outcome);
	assert.ok(seen);
	return seen;
}

function statusOf(outcome: SideOutcome): number {
	const result = outcomeOf(outcome);
	return result.kind === "failed" ? result.status : 0;
}

describe("callUnary", () => {
	it("frames the message and names what gRPC needs", () => {
		const calls = new FakeSideCalls();
		callUnary(calls, { ...CALL, timeoutMs: 250, metadata: [["X-Team", "a"]] }, () => {});
		const [request] = calls.requests;
		assert.ok(request);
		assert.deepEqual([...(request.body ?? [])], [0, 0, 0, 0, 3, 1, 2, 3]);
		assert.equal(request.authority, "authz");
		const names = ["te", "content-type", "grpc-timeout", "x-team"];
		assert.deepEqual(
			names.map((name) => request.headers?.get(name)),
			["trailers", "application/grpc", "250m", "a"],
		);
	});

	it("says nothing of a timeout where there is none", () => {
		const calls = new FakeSideCalls();
		callUnary(calls, { ...CALL, authority: "other" }, () => {});
		assert.equal(calls.requests[0]?.headers?.get("grpc-timeout"), undefined);
		assert.equal(calls.requests[0]?.authority, "other");
	});

	it("hands on the message", () => {
		const outcome = outcomeOf(answer({ trailers: [["grpc-status", "0"]] }));
		assert.deepEqual(outcome, { kind: "message", message: Uint8Array.of(7, 8) });
	});

	it("reads a failure from the trailers", () => {
		const trailers: Pairs = [
			["grpc-status", "7"],
			["grpc-message", "no"],
		];
		assert.deepEqual(outcomeOf(answer({ body: [], trailers })), { kind: "failed", status: 7, detail: "no" });
	});

	it("reads a failure that has nothing but a head", () => {
		assert.equal(statusOf(answer({ headers: [...GRPC, ["grpc-status", "12"]], body: [] })), 12);
	});

	const ok: Pairs = [["grpc-status", "0"]];
	const broken: readonly (readonly [string, Answer, number])[] = [
		["without a status", { trailers: [] }, 2],
		["with a status that is no number", { trailers: [["grpc-status", "x"]] }, 2],
		["that is not gRPC", { headers: [["content-type", "text/html"]], trailers: ok }, 2],
		["of plain HTTP", { status: 503 }, 14],
		["without a message", { body: [], trailers: ok }, 13],
		["that is compressed", { body: [1, 0, 0, 0, 0], trailers: ok }, 13],
		["that is cut short", { body: [0, 0, 0, 0, 9, 1], trailers: ok }, 13],
		["with two messages", { body: [...FRAMED, ...FRAMED], trailers: ok }, 13],
	];
	for (const [name, given, status] of broken)
		it(`refuses an answer ${name}`, () => assert.equal(statusOf(answer(given)), status));

	const failures = {
		"no-cluster": 14,
		"no-healthy-upstream": 14,
		unavailable: 14,
		reset: 13,
		timeout: 4,
		"too-large": 8,
	} as const;
	for (const [reason, status] of Object.entries(failures))
		it(`names a call that failed by ${reason}`, () => {
			const outcome = { kind: "failed", reason: reason as keyof typeof failures, detail: "" } as const;
			assert.equal(statusOf(outcome), status);
		});

	it("is cancelled as its call", () => {
		const calls = new FakeSideCalls();
		callUnary(calls, CALL, () => assert.fail("answered")).cancel();
		assert.equal(calls.cancelled, 1);
	});
});
