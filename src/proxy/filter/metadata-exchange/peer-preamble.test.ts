import assert from "node:assert/strict";
import { test } from "node:test";
import { workloadOfNode } from "../workload-metadata.ts";
import { encodePreamble, PreambleReader } from "./peer-preamble.ts";

const NODE = workloadOfNode("sidecar~10.0.0.1~a.ns~ns.svc.cluster.local", {
	NAME: "a",
	NAMESPACE: "ns",
	WORKLOAD_NAME: "a-v1",
	CLUSTER_ID: "Kubernetes",
	LABELS: { app: "a", version: "v1" },
});
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test("what is encoded is read again, however it is cut; the bytes behind it stay", () => {
	const preamble = encodePreamble(NODE);
	assert.equal(text(preamble.subarray(0, 4)), "\x3d\x23\x04\x67");
	assert.equal(Buffer.from(preamble).readUInt32BE(4), preamble.length - 8);
	const whole = Buffer.concat([preamble, Buffer.from("hello")]);
	for (let cut = 1; cut < whole.length; cut++) {
		const reader = new PreambleReader();
		const first = reader.feed(whole.subarray(0, cut));
		assert.equal(first === undefined, cut < preamble.length, `cut at ${cut}`);
		const reading = first ?? reader.feed(whole.subarray(cut))!;
		assert.equal(reading.outcome, "found");
		assert.deepEqual([reading.peer?.workload, reading.peer?.namespace, reading.peer?.id], ["a-v1", "ns", NODE.id]);
		const behind = first ? text(reading.rest) + text(whole.subarray(cut)) : text(reading.rest);
		assert.equal(behind, "hello");
	}
});

test("bytes that are no preamble go on as they are, at the first one that shows it", () => {
	const read = (...pieces: Buffer[]) => {
		const reader = new PreambleReader();
		return pieces.map((piece) => reader.feed(piece)).at(-1);
	};
	assert.deepEqual(text(read(Buffer.from("GET /"))!.rest), "GET /");
	assert.deepEqual(text(read(Buffer.from([0x3d]), Buffer.from("x"))!.rest), "=x");
	assert.equal(read(Buffer.from([0x3d, 0x23])), undefined);
	const huge = Buffer.from([0x3d, 0x23, 0x04, 0x67, 0xff, 0, 0, 0]);
	assert.equal(read(huge)?.outcome, "none");
	const broken = Buffer.from([0x3d, 0x23, 0x04, 0x67, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0x61]);
	assert.deepEqual([read(broken)?.outcome, text(read(broken)!.rest)], ["broken", "a"]);
});
