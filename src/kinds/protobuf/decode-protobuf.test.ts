import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeProtobuf } from "./decode-protobuf.ts";
import { ProtobufError } from "./protobuf-error.ts";

/** A varint-framed message by hand: `[field, value]`, value a number, text, bytes or nested message. */
type Field = readonly [number: number, value: number | string | Uint8Array];

function varint(value: number): number[] {
	const out: number[] = [];
	let rest = value;
	do {
		out.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
		rest = Math.floor(rest / 128);
	} while (rest > 0);
	return out;
}

function message(...fields: Field[]): Uint8Array {
	return Uint8Array.from(
		fields.flatMap(([number, value]) => {
			if (typeof value === "number") return [...varint(number << 3), ...varint(value)];
			const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
			return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
		}),
	);
}

function body(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
	const unknown = message([1, message([1, apiVersion], [2, kind])], [2, raw], [3, ""], [4, ""]);
	return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...unknown]);
}

/** Metadata as gogo writes it: non-pointer scalars are always there, empty or not. */
const metadata = (name: string) =>
	message([1, name], [2, ""], [3, ""], [4, ""], [5, ""], [6, ""], [7, 0], [8, message()]);

test("a namespace as `kubectl create namespace` sends it", () => {
	const raw = message([1, metadata("tutorial")], [2, message()], [3, message([1, ""])]);
	assert.deepEqual(decodeProtobuf(body("v1", "Namespace", raw)), {
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name: "tutorial" },
		spec: {},
		status: {},
	});
});

test("secret data becomes base64, map entries keep their keys", () => {
	const entry = message([1, "password"], [2, Uint8Array.from([0, 255, 10])]);
	const raw = message([1, metadata("s")], [2, entry], [3, "Opaque"], [4, message([1, "__proto__"], [2, "x"])]);
	const secret = decodeProtobuf(body("v1", "Secret", raw));
	assert.deepEqual(secret.data, { password: "AP8K" });
	assert.equal(secret.type, "Opaque");
	assert.deepEqual(Object.keys(secret.stringData as object), ["__proto__"]);
});

test("a pointer that is zero stays, a plain zero with omitempty goes", () => {
	const spec = message([1, 0], [5, 0]); // replicas (pointer), minReadySeconds (plain)
	const deployment = decodeProtobuf(body("apps/v1", "Deployment", message([1, metadata("d")], [2, spec])));
	assert.deepEqual(deployment.spec, { replicas: 0 });
});

test("meta/v1 kinds are known in every group", () => {
	const options = decodeProtobuf(body("policy/v1", "DeleteOptions", message([1, 0], [4, "Background"])));
	assert.deepEqual(options, {
		apiVersion: "policy/v1",
		kind: "DeleteOptions",
		gracePeriodSeconds: 0,
		propagationPolicy: "Background",
	});
});

test("negative numbers, ports by name and inlined handlers", () => {
	const port = message([1, 1], [3, "http"]);
	const probe = message([1, message([2, message([1, "/ready"], [2, port])])], [3, 0], [4, 5]);
	const container = message([1, "app"], [11, probe]);
	const raw = message([1, metadata("p")], [2, message([2, container])]);
	const pod = decodeProtobuf(body("v1", "Pod", raw)) as unknown as {
		spec: { containers: { readinessProbe: unknown }[] };
	};
	assert.deepEqual(pod.spec.containers[0]!.readinessProbe, {
		httpGet: { path: "/ready", port: "http" },
		periodSeconds: 5,
	});
});

test("what is no such body is refused", () => {
	assert.throws(() => decodeProtobuf(new TextEncoder().encode("{}")), ProtobufError);
	assert.throws(() => decodeProtobuf(body("networking.istio.io/v1", "VirtualService", message())), /VirtualService/);
	const cut = body("v1", "Namespace", message([1, metadata("tutorial")])).subarray(0, 30);
	assert.throws(() => decodeProtobuf(cut), ProtobufError);
});

test("any bytes after the magic give an object or a ProtobufError", () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
			try {
				decodeProtobuf(body("v1", "Pod", bytes));
			} catch (error) {
				assert.ok(error instanceof ProtobufError, String(error));
			}
		}),
		{ numRuns: 500 },
	);
});
