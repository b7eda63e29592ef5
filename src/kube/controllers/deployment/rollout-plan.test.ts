import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Deployment, ReplicaSet } from "../../client/workloads.ts";
import {
	newSetReplicas,
	oldSetScalings,
	proportionalScalings,
	replicasOf,
	rolloutBounds,
	totalReplicas,
} from "./rollout-plan.ts";

const template = { spec: { containers: [] } };

function deployment(replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment {
	const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } };
	const spec = { replicas, selector: {}, template, strategy };
	return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" }, spec };
}

function set(name: string, replicas: number, available = replicas, annotations = {}): ReplicaSet {
	const metadata = { name, creationTimestamp: name, annotations };
	const status = { replicas, availableReplicas: available };
	return { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { replicas, selector: {}, template }, status };
}

test("surge rounds up, unavailable down, and never both are nothing", () => {
	assert.deepEqual(rolloutBounds(deployment(4, "25%", "25%")), { maxSurge: 1, maxUnavailable: 1 });
	assert.deepEqual(rolloutBounds(deployment(1, "25%", "25%")), { maxSurge: 1, maxUnavailable: 0 });
	assert.deepEqual(rolloutBounds(deployment(10, 0, "5%")), { maxSurge: 0, maxUnavailable: 1 });
	assert.deepEqual(rolloutBounds(deployment(2, 0, 5)), { maxSurge: 0, maxUnavailable: 2 });
});

const shape = fc.record({
	replicas: fc.integer({ min: 1, max: 20 }),
	surge: fc.oneof(
		fc.integer({ min: 0, max: 10 }),
		fc.integer({ min: 0, max: 100 }).map((n) => `${n}%`),
	),
	unavailable: fc.oneof(
		fc.integer({ min: 0, max: 10 }),
		fc.integer({ min: 0, max: 100 }).map((n) => `${n}%`),
	),
	/** How many new pods become available after each step. */
	speeds: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 5, maxLength: 5 }),
});

test("a rolling update ends, never has too many pods, never too few available", () => {
	fc.assert(
		fc.property(shape, ({ replicas, surge, unavailable, speeds }) => {
			const wanted = deployment(replicas, surge, unavailable);
			const { maxSurge, maxUnavailable } = rolloutBounds(wanted);
			let old = set("1", replicas);
			let fresh = set("2", 0);
			for (let step = 0; step < 500; step++) {
				fresh = set("2", newSetReplicas(wanted, fresh, [old, fresh]), fresh.status?.availableReplicas);
				const [scaling] = oldSetScalings(wanted, fresh, [old]);
				if (scaling) old = set("1", scaling.replicas);
				assert.ok(totalReplicas([old, fresh]) <= replicas + maxSurge, "too many pods");
				const available = replicasOf(old) + (fresh.status?.availableReplicas ?? 0);
				assert.ok(available >= replicas - maxUnavailable, `only ${available} of ${replicas} available`);
				if (replicasOf(old) === 0 && fresh.status?.availableReplicas === replicas) return;
				const speed = Math.max(speeds[step % speeds.length] ?? 0, step % 5 === 4 ? 1 : 0);
				const next = Math.min(replicasOf(fresh), (fresh.status?.availableReplicas ?? 0) + speed);
				fresh = set("2", replicasOf(fresh), next);
			}
			assert.fail("the rollout did not end");
		}),
	);
});

test("old pods that are not available anyway go first", () => {
	const scalings = oldSetScalings(deployment(4, 1, 1), set("3", 1, 0), [set("1", 2, 0), set("2", 3, 3)]);
	assert.deepEqual(
		scalings.map(({ set: { metadata }, replicas }) => [metadata.name, replicas]),
		[["1", 0]],
	);
});

test("a resize in the middle of a rollout is spread in proportion and adds up", () => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 4 }),
			fc.integer({ min: 0, max: 60 }),
			(sizes, to) => {
				const total = sizes.reduce((sum, size) => sum + size, 0);
				const annotations = { "deployment.kubernetes.io/max-replicas": String(total) };
				const sets = sizes.map((size, i) => set(String(i), size, size, annotations));
				const wanted = deployment(to, 0, 1);
				const scaled = new Map(proportionalScalings(wanted, sets).map((scaling) => [scaling.set, scaling.replicas]));
				const after = sets.map((each) => scaled.get(each) ?? replicasOf(each));
				assert.equal(
					after.reduce((sum, size) => sum + size, 0),
					to,
				);
				assert.ok(after.every((size) => size >= 0));
			},
		),
	);
});
